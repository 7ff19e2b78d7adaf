"""The shop as everybody sees it."""

from __future__ import annotations

import uuid
from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from marketplace.accounts import queries as accounts
from marketplace.catalog import queries
from marketplace.catalog.covers import read_cover
from marketplace.catalog.models import Listing
from marketplace.catalog.offers import promises, withdrawal
from marketplace.core.text import clean_line
from marketplace.packaging import queries as packaging

__all__ = ["category", "cover", "front", "listing", "search", "seller", "tag"]

PER_PAGE = 24
NEW_ON_FRONT = 12
MAX_QUERY = 200


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    """The newest listings, the categories, and what this shop is."""
    context = {"listings": queries.on_sale()[:NEW_ON_FRONT], "categories": queries.categories()}
    return render(request, "catalog/front.html", context)


@require_safe
def category(request: HttpRequest, slug: str) -> HttpResponse:
    """What is on sale in one category."""
    chosen = queries.category(slug)
    found = queries.on_sale().filter(category=chosen)
    context = {"category": chosen, "categories": queries.categories()}
    return render(request, "catalog/category.html", context | _page(request, found))


@require_safe
def tag(request: HttpRequest, slug: str) -> HttpResponse:
    """What is on sale under one tag."""
    chosen = queries.tag(slug)
    context = {"tag": chosen} | _page(request, queries.on_sale().filter(tags=chosen))
    return render(request, "catalog/tag.html", context)


@require_safe
def seller(request: HttpRequest, slug: str) -> HttpResponse:
    """A seller and what they have on sale."""
    chosen = accounts.seller(slug)
    found = queries.on_sale().filter(seller_id=chosen.user_id)
    bundles = list(queries.bundles_on_sale(chosen.user_id))
    context = {"seller": chosen, "bundles": bundles} | _page(request, found)
    return render(request, "catalog/seller.html", context)


@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """Listings with every word of ?q= in them."""
    query = clean_line(request.GET.get("q", ""))[:MAX_QUERY]
    context = {"query": query, "categories": queries.categories()}
    return render(request, "catalog/search.html", context | _page(request, queries.search(query)))


@require_safe
def listing(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """One listing: what it is, what it costs, and where it opens."""
    shown = queries.listing_for_view(listing_id, request.user)
    rows = packaging.files(shown.package_id) if shown.package_id else []
    files = [
        {
            "name": row.name,
            "media_type": row.media_type,
            "size": row.plain_size,
            "plays": packaging.playable(row.media_type),
        }
        for row in rows
    ]
    context = {
        "listing": shown,
        "files": files,
        "plays": [file["plays"] for file in files],
        "promises": promises(shown),
        "withdrawal": withdrawal(rental=shown.is_leased),
        "is_own": shown.seller_id == request.user.pk,
        "copies_left": queries.copies_left(shown),
        "bundles": list(queries.bundles_with(shown.pk)),
    }
    return render(request, "catalog/listing.html", context)


@require_safe
def cover(request: HttpRequest, name: str) -> HttpResponse:
    """A cover. Its name is random and its bytes never change, so it is kept for a year."""
    response = HttpResponse(read_cover(name), content_type="image/webp")
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    response["Content-Disposition"] = "inline"
    return response


def _page(request: HttpRequest, found: QuerySet[Listing]) -> dict[str, Any]:
    page = Paginator(found, PER_PAGE).get_page(request.GET.get("page"))
    return {"page": page, "listings": page.object_list}
