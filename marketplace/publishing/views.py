"""The studio: a seller's listings, and what each says."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import PriceError, PricingError
from marketplace.catalog.forms import ListingForm
from marketplace.catalog.types import Listing
from marketplace.publishing import queries
from marketplace.publishing.access import seller_required
from marketplace.publishing.price_views import note_of

__all__ = ["edit", "new", "resume", "studio", "withdraw"]


@never_cache
@require_safe
@seller_required
def studio(request: HttpRequest, seller: User) -> HttpResponse:
    return render(request, "publishing/studio.html", {"shelf": queries.shelf(seller)})


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def new(request: HttpRequest, seller: User) -> HttpResponse:
    form = ListingForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid():
        listing = catalog.create_listing(seller=seller, details=form.details())
        return redirect("publishing:files", listing.pk)
    return _form_page(request, form)


@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def edit(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    listing = catalog_queries.own_listing(listing_id, seller)
    form = ListingForm(request.POST or None, request.FILES or None, listing=listing)
    if request.method == "POST" and form.is_valid():
        try:
            catalog.update_listing(listing_id=listing_id, seller=seller, details=form.details())
        except PriceError as error:
            form.add_error("price", str(error))
        except PricingError as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, _("Saved."))
            return redirect("publishing:files", listing_id)
    return _form_page(request, form, listing)


def _form_page(
    request: HttpRequest, form: ListingForm, listing: Listing | None = None
) -> HttpResponse:
    shown = form.data if form.is_bound else form.initial
    context = {"form": form, "listing": listing, "note": note_of(shown)}
    status = 422 if form.errors else 200
    return render(request, "publishing/edit.html", context, status=status)


@require_POST
@seller_required
def withdraw(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    catalog.withdraw_listing(listing_id=listing_id, seller=seller)
    messages.success(request, _("Off sale. Whoever has bought it keeps it."))
    return redirect("publishing:studio")


@require_POST
@seller_required
def resume(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    catalog.resume_sale(listing_id=listing_id, seller=seller)
    messages.success(request, _("On sale again."))
    return redirect("publishing:studio")
