"""Changes to listings. Each function is one thing that a seller, or the publishing job, does."""

from __future__ import annotations

import datetime as dt
import functools
import uuid

from django.db import transaction
from django.utils.text import slugify
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.catalog.bundles import (
    create_bundle,
    publish_bundle,
    update_bundle,
    withdraw_bundle,
)
from marketplace.catalog.covers import delete_cover, render_cover, store_cover
from marketplace.catalog.editions import return_copy, take_copy
from marketplace.catalog.errors import (
    ListingNotReadyError,
    NotASellerError,
    TagError,
)
from marketplace.catalog.leaving import close_listings
from marketplace.catalog.locking import lock, lock_own
from marketplace.catalog.models import Listing, Tag
from marketplace.catalog.price_changes import apply_pricing, check_pricing
from marketplace.catalog.sales import end_sale, plan_sale
from marketplace.catalog.terms import LIMITS, check_terms, set_terms
from marketplace.catalog.types import ListingDetails
from marketplace.catalog.versions import (
    begin_version,
    drop_version,
    first_version,
    publish_version,
    set_notes,
)
from marketplace.core.fees import check_price
from marketplace.core.text import clean_line, clean_text, search_form
from marketplace.packaging import services as packaging

__all__ = [
    "LIMITS",
    "MAX_TAGS",
    "TAG_LENGTH",
    "back_to_draft",
    "begin_version",
    "check_price",
    "check_pricing",
    "check_terms",
    "close_listings",
    "create_bundle",
    "create_listing",
    "drop_version",
    "end_sale",
    "plan_sale",
    "publish_bundle",
    "publish_version",
    "put_on_sale",
    "render_cover",
    "resume_sale",
    "return_copy",
    "set_notes",
    "set_preparing",
    "set_terms",
    "split_tags",
    "tag_slug",
    "take_copy",
    "update_bundle",
    "update_listing",
    "withdraw_bundle",
    "withdraw_listing",
]

MAX_TAGS = 10
TAG_LENGTH = 40
_Status = Listing.Status


@transaction.atomic
def create_listing(*, seller: User, details: ListingDetails) -> Listing:
    """A new draft of `seller`, with an empty package draft to collect files in.

    Raises NotASellerError, PriceError, PricingError or TagError; then nothing is kept.
    """
    if accounts.seller_of(seller) is None:
        raise NotASellerError(_("Open your shop first: it takes a name and a country."))
    listing = Listing(seller=seller, draft=packaging.create_draft(owner=seller))
    return _save_details(listing, details)


@transaction.atomic
def update_listing(*, listing_id: uuid.UUID, seller: User, details: ListingDetails) -> Listing:
    """Change what a listing says. Its package stays, and so does its status.

    Raises ListingNotFoundError (also where it is another's), PriceError, PricingError or TagError.
    """
    return _save_details(lock_own(listing_id, seller=seller), details)


@transaction.atomic
def set_preparing(*, listing_id: uuid.UUID) -> Listing:
    """Sealing begins. Saying so again changes nothing."""
    listing = lock(listing_id)
    if listing.status == _Status.PREPARING:
        return listing
    if listing.status != _Status.DRAFT:
        raise ListingNotReadyError(_("This listing was published before; its files are sealed."))
    return _set_status(listing, _Status.PREPARING)


@transaction.atomic
def put_on_sale(*, listing_id: uuid.UUID, package_id: str, now: dt.datetime) -> Listing:
    """The sealed package is ready: buyers see the listing from `now` on.

    Doing it again with the same package changes nothing. Raises ListingNotReadyError
    where the listing was not being prepared or carries another package.
    """
    listing = lock(listing_id)
    if listing.package_id == package_id and listing.status != _Status.PREPARING:
        return listing  # a second run of the job; also after the seller has withdrawn it
    if listing.status != _Status.PREPARING:
        raise ListingNotReadyError(_("This listing is not being prepared."))
    listing.package_id = package_id
    listing.published_at = now
    listing.status = _Status.ON_SALE
    listing.save(update_fields=["package", "published_at", "status"])
    first_version(listing, now=now)
    return listing


@transaction.atomic
def back_to_draft(*, listing_id: uuid.UUID) -> Listing:
    """Sealing failed: the seller may mend the files. Saying so again changes nothing."""
    listing = lock(listing_id)
    if listing.status == _Status.DRAFT:
        return listing
    if listing.status != _Status.PREPARING:
        raise ListingNotReadyError(_("This listing is not being prepared."))
    return _set_status(listing, _Status.DRAFT)


@transaction.atomic
def withdraw_listing(*, listing_id: uuid.UUID, seller: User) -> Listing:
    """Take a listing off sale. Who has bought it keeps it."""
    listing = lock_own(listing_id, seller=seller)
    if listing.status == _Status.WITHDRAWN:
        return listing
    if listing.status != _Status.ON_SALE:
        raise ListingNotReadyError(_("Only a listing on sale can be taken off sale."))
    return _set_status(listing, _Status.WITHDRAWN)


@transaction.atomic
def resume_sale(*, listing_id: uuid.UUID, seller: User) -> Listing:
    """Offer a withdrawn listing again, with the package that it had."""
    listing = lock_own(listing_id, seller=seller)
    if listing.status == _Status.ON_SALE:
        return listing
    if listing.status != _Status.WITHDRAWN:
        raise ListingNotReadyError(_("Only a listing that was on sale can be offered again."))
    return _set_status(listing, _Status.ON_SALE)


def split_tags(text: str) -> tuple[str, ...]:
    """Read tags that a seller typed with commas between; doubles and blanks fall away.

    Raises TagError where there are more than MAX_TAGS, or one is too long or has neither
    letter nor digit.
    """
    by_slug: dict[str, str] = {}
    for part in text.replace("，", ",").replace("、", ",").replace("\n", ",").split(","):
        name = clean_line(part).removeprefix("#").strip()
        if name:
            by_slug.setdefault(tag_slug(name), name)
    if len(by_slug) > MAX_TAGS:
        raise TagError(_("At most %(most)d tags, please.") % {"most": MAX_TAGS})
    return tuple(by_slug.values())


def tag_slug(name: str) -> str:
    """The address of a tag: "Lo-Fi 음악" is "lo-fi-음악". Raises TagError."""
    slug = slugify(search_form(name), allow_unicode=True)
    shown = {"tag": name[:TAG_LENGTH]}
    if not slug:
        raise TagError(_("The tag “%(tag)s” has neither a letter nor a digit.") % shown)
    if len(name) > TAG_LENGTH or len(slug) > TAG_LENGTH:
        raise TagError(
            _("The tag “%(tag)s…” is longer than %(most)d characters.")
            % {**shown, "most": TAG_LENGTH}
        )
    return slug


def _save_details(listing: Listing, details: ListingDetails) -> Listing:
    old_cover = str(listing.cover.name or "")
    listing.title = clean_line(details.title)
    listing.description = clean_text(details.description).strip()
    listing.category = details.category
    apply_pricing(listing, details.price, details.pricing)
    if details.cover is not None:
        listing.cover = store_cover(details.cover)
    elif details.remove_cover:
        listing.cover = ""
    tags = [
        Tag.objects.get_or_create(slug=tag_slug(name), defaults={"name": name})[0]
        for name in split_tags(",".join(details.tags))
    ]
    listing.search_text = _search_text(listing, tags)
    listing.save()
    listing.tags.set(tags)
    if old_cover and old_cover != str(listing.cover.name or ""):
        transaction.on_commit(functools.partial(delete_cover, old_cover))
    return listing


def _search_text(listing: Listing, tags: list[Tag]) -> str:
    seller = accounts.seller_of(listing.seller)
    parts = [
        listing.title,
        seller.name if seller else "",
        *(tag.name for tag in tags),
        listing.category.name_en,
        listing.category.name_ko,
        listing.description,
    ]
    # Line ends keep a search from matching across two parts: it never contains one.
    return "\n".join(search_form(part) for part in parts)


def _set_status(listing: Listing, status: Listing.Status) -> Listing:
    listing.status = status
    listing.save(update_fields=["status"])
    return listing
