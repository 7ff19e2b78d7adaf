"""Reading listings. What is not on sale is its seller's alone."""

from __future__ import annotations

import unicodedata
import uuid

from django.contrib.auth.models import AnonymousUser
from django.db.models import QuerySet

from marketplace.accounts.types import User
from marketplace.catalog.bundles import (
    bundle_for_view,
    bundle_offer,
    bundles_of,
    bundles_on_sale,
    bundles_with,
    can_be_bundled,
    own_bundle,
)
from marketplace.catalog.editions import copies_left, copy_of
from marketplace.catalog.errors import (
    CategoryNotFoundError,
    ListingNotFoundError,
    TagNotFoundError,
)
from marketplace.catalog.models import Category, Listing, Tag
from marketplace.catalog.offers import promises, promises_to_another, withdrawal
from marketplace.catalog.price_changes import terms_of_pricing
from marketplace.catalog.pricing import accept_price, current_sale, price_now
from marketplace.catalog.sales import sale_zone, sales_of, zones
from marketplace.catalog.terms import rights_of
from marketplace.catalog.versions import (
    own_version,
    version_by_id,
    versions_in_the_making,
    versions_of,
)
from marketplace.core.text import search_form

__all__ = [
    "accept_price",
    "bundle_for_view",
    "bundle_offer",
    "bundles_of",
    "bundles_on_sale",
    "bundles_with",
    "can_be_bundled",
    "categories",
    "category",
    "copies_left",
    "copy_of",
    "current_sale",
    "listing_by_id",
    "listing_for_view",
    "listings_of",
    "on_sale",
    "own_bundle",
    "own_listing",
    "own_version",
    "preparing",
    "price_now",
    "promises",
    "promises_to_another",
    "rights_of",
    "sale_zone",
    "sales_of",
    "search",
    "tag",
    "terms_of_pricing",
    "version_by_id",
    "versions_in_the_making",
    "versions_of",
    "withdrawal",
    "zones",
]

MAX_WORDS = 8


def on_sale() -> QuerySet[Listing]:
    """Every listing that can be bought, the newest first, with what a card of it shows."""
    return (
        Listing.objects.filter(status=Listing.Status.ON_SALE)
        .select_related("seller__seller", "category")
        .prefetch_related("sale_periods")
        .defer("description", "search_text")
        .order_by("-published_at", "pk")
    )


def listings_of(seller: User) -> QuerySet[Listing]:
    """All listings of `seller`, in every status, the newest first."""
    return (
        Listing.objects.filter(seller_id=seller.pk)
        .select_related("category", "draft", "package")
        .prefetch_related("sale_periods")
        .defer("description", "search_text")
        .order_by("-created_at", "pk")
    )


def own_listing(listing_id: uuid.UUID, seller: User) -> Listing:
    """A listing of `seller` in any status. Raises ListingNotFoundError, also for another's."""
    try:
        return _with_all().get(pk=listing_id, seller_id=seller.pk)
    except Listing.DoesNotExist:
        raise ListingNotFoundError(str(listing_id)) from None


def listing_by_id(listing_id: uuid.UUID) -> Listing:
    """A listing, whoever owns it: for jobs. Raises ListingNotFoundError."""
    try:
        return Listing.objects.get(pk=listing_id)
    except Listing.DoesNotExist:
        raise ListingNotFoundError(str(listing_id)) from None


def preparing() -> list[uuid.UUID]:
    """The listings whose files are being prepared."""
    return list(
        Listing.objects.filter(status=Listing.Status.PREPARING).values_list("pk", flat=True)
    )


def listing_for_view(listing_id: uuid.UUID, user: User | AnonymousUser) -> Listing:
    """A listing as `user` may see it: on sale, or their own. Raises ListingNotFoundError."""
    try:
        listing = _with_all().get(pk=listing_id)
    except Listing.DoesNotExist:
        raise ListingNotFoundError(str(listing_id)) from None
    if listing.status != Listing.Status.ON_SALE and listing.seller_id != user.pk:
        raise ListingNotFoundError(str(listing_id))
    return listing


def search(text: str) -> QuerySet[Listing]:
    """Listings on sale that contain every word of `text`, also inside a longer word.

    Case, Unicode form and width do not matter. No words find nothing.
    """
    words = search_form(text).split()[:MAX_WORDS]
    if not words:
        return on_sale().none()
    found = on_sale()
    for word in words:
        found = found.filter(search_text__contains=word)
    return found


def categories() -> QuerySet[Category]:
    """All categories, in the order of the shop."""
    return Category.objects.all()


def category(slug: str) -> Category:
    """Raises CategoryNotFoundError."""
    try:
        return Category.objects.get(slug=slug)
    except Category.DoesNotExist:
        raise CategoryNotFoundError(slug) from None


def tag(slug: str) -> Tag:
    """The tag under this address, whichever Unicode form it came in. Raises TagNotFoundError."""
    try:
        return Tag.objects.get(slug=unicodedata.normalize("NFC", slug))
    except Tag.DoesNotExist:
        raise TagNotFoundError(slug) from None


def _with_all() -> QuerySet[Listing]:
    return Listing.objects.select_related(
        "seller__seller", "category", "package", "draft"
    ).prefetch_related("tags", "sale_periods")
