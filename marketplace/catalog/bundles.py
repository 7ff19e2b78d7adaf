"""Bundles: several listings of one seller at one price, less what a buyer owns already.

The price is shared among the listings by their own prices; the shares add up to it exactly. Who
buys pays the shares of what they do not own, each of them at most what it costs alone.

    draft ─► on sale ◄─► withdrawn
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.catalog.editions import copies_left
from marketplace.catalog.errors import (
    BundleNotFoundError,
    BundleNotReadyError,
    NotASellerError,
    PriceError,
    PricingError,
)
from marketplace.catalog.models import Bundle, BundleItem, Listing
from marketplace.catalog.pricing import price_now
from marketplace.catalog.types import BundleDetails, BundleLine, BundleOffer
from marketplace.core.fees import check_price
from marketplace.core.money import Money
from marketplace.core.shares import spread
from marketplace.core.text import clean_line, clean_text

__all__ = [
    "MAX_LISTINGS",
    "bundle_for_view",
    "bundle_offer",
    "bundles_of",
    "bundles_on_sale",
    "bundles_with",
    "can_be_bundled",
    "create_bundle",
    "lock_bundle",
    "own_bundle",
    "publish_bundle",
    "update_bundle",
    "withdraw_bundle",
]

MAX_LISTINGS = 20
_Status = Bundle.Status


def bundle_for_view(bundle_id: uuid.UUID, user: User | AnonymousUser) -> Bundle:
    """A bundle as `user` may see it: on sale, or their own. Raises BundleNotFoundError."""
    bundle = _with_all().filter(pk=bundle_id).first()
    if bundle is None or (bundle.status != _Status.ON_SALE and bundle.seller_id != user.pk):
        raise BundleNotFoundError(str(bundle_id))
    return bundle


def own_bundle(bundle_id: uuid.UUID, seller: User) -> Bundle:
    """A bundle of `seller` in any status. Raises BundleNotFoundError, also for another's."""
    bundle = _with_all().filter(pk=bundle_id, seller_id=seller.pk).first()
    if bundle is None:
        raise BundleNotFoundError(str(bundle_id))
    return bundle


def bundles_of(seller: User) -> QuerySet[Bundle]:
    """All bundles of `seller`, the newest first."""
    return _with_all().filter(seller_id=seller.pk).order_by("-created_at", "pk")


def bundles_on_sale(seller_id: uuid.UUID) -> QuerySet[Bundle]:
    """The bundles of a seller that can be bought, the newest first."""
    rows = _with_all().filter(seller_id=seller_id, status=_Status.ON_SALE)
    return rows.order_by("-published_at", "pk")


def bundles_with(listing_id: uuid.UUID) -> QuerySet[Bundle]:
    """The bundles on sale that a listing is in."""
    rows = _with_all().filter(status=_Status.ON_SALE, items__listing_id=listing_id)
    return rows.order_by("-published_at", "pk")


def can_be_bundled(seller: User) -> QuerySet[Listing]:
    """The listings of `seller` that may go into a bundle: on sale, and no subscription."""
    rows = Listing.objects.filter(seller_id=seller.pk, status=Listing.Status.ON_SALE)
    return rows.exclude(pricing=Listing.Pricing.SUBSCRIPTION).order_by("title", "pk")


def lock_bundle(bundle_id: uuid.UUID) -> Bundle:
    """A bundle, locked until the running transaction ends. Raises BundleNotFoundError."""
    try:
        return Bundle.objects.select_for_update().get(pk=bundle_id)
    except Bundle.DoesNotExist:
        raise BundleNotFoundError(str(bundle_id)) from None


def bundle_offer(bundle: Bundle, *, owned: Collection[uuid.UUID], now: dt.datetime) -> BundleOffer:
    """What the bundle is to a buyer who owns the listings `owned`.

    What is not on sale any more, in another currency or sold out is left out, and its share of
    the price with it. Where what remains is less than a card can be charged, it is free.
    """
    listings = [item.listing for item in bundle.items.all()]
    lines = []
    for listing, share in zip(listings, _shares(bundle, listings), strict=True):
        available = _is_available(bundle, listing)
        mine = listing.pk in owned
        cap = price_now(listing, now).minor if available else 0
        asked = min(share, cap) if available and not mine else 0
        lines.append(BundleLine(listing, Money(asked, bundle.currency), mine, available))
    total = sum(line.price.minor for line in lines)
    if total < bundle.price.unit.minimum:
        free = Money(0, bundle.currency)
        lines = [BundleLine(each.listing, free, each.owned, each.available) for each in lines]
        total = 0
    apart = sum(price_now(line.listing, now).minor for line in lines if line.is_bought)
    return BundleOffer(
        bundle=bundle,
        lines=tuple(lines),
        price=Money(total, bundle.currency),
        apart=Money(apart, bundle.currency),
        taken_off=Money(max(0, bundle.price_minor - total), bundle.currency),
    )


@transaction.atomic
def create_bundle(*, seller: User, details: BundleDetails) -> Bundle:
    """A new draft. Raises NotASellerError, PriceError, PricingError; then nothing is kept."""
    if accounts.seller_of(seller) is None:
        raise NotASellerError(_("Open your shop first: it takes a name and a country."))
    return _save(Bundle(seller=seller), details)


@transaction.atomic
def update_bundle(*, bundle_id: uuid.UUID, seller: User, details: BundleDetails) -> Bundle:
    """Change a bundle; who has bought it keeps what they bought.

    Raises BundleNotFoundError (also where it is another's), PriceError, PricingError.
    """
    return _save(_lock_own(bundle_id, seller), details)


@transaction.atomic
def publish_bundle(*, bundle_id: uuid.UUID, seller: User, now: dt.datetime) -> Bundle:
    """Offer a bundle, or offer it again. Raises BundleNotFoundError, BundleNotReadyError."""
    bundle = _lock_own(bundle_id, seller)
    if bundle.status == _Status.ON_SALE:
        return bundle
    listings = [item.listing for item in bundle.items.select_related("listing")]
    if sum(_is_available(bundle, listing) for listing in listings) < 2:
        raise BundleNotReadyError(_("A bundle needs two listings that are on sale."))
    bundle.status, bundle.published_at = _Status.ON_SALE, bundle.published_at or now
    bundle.save(update_fields=["status", "published_at"])
    return bundle


@transaction.atomic
def withdraw_bundle(*, bundle_id: uuid.UUID, seller: User) -> Bundle:
    """Take a bundle off sale. Its listings stay as they are. Raises BundleNotFoundError."""
    bundle = _lock_own(bundle_id, seller)
    bundle.status = _Status.WITHDRAWN
    bundle.save(update_fields=["status"])
    return bundle


def _shares(bundle: Bundle, listings: list[Listing]) -> tuple[int, ...]:
    """The bundle's price by the listings' own ones, in steps that a card can be charged."""
    weights = [listing.price_minor for listing in listings]
    if not any(weights):  # all of them have become free
        return (0,) * len(listings)
    step = bundle.price.unit.step
    return tuple(share * step for share in spread(bundle.price_minor // step, weights))


def _is_available(bundle: Bundle, listing: Listing) -> bool:
    return (
        listing.status == Listing.Status.ON_SALE
        and not listing.is_subscription
        and listing.currency == bundle.currency
        and copies_left(listing) != 0
    )


def _lock_own(bundle_id: uuid.UUID, seller: User) -> Bundle:
    bundle = lock_bundle(bundle_id)
    if bundle.seller_id != seller.pk:
        raise BundleNotFoundError(str(bundle_id))
    return bundle


def _save(bundle: Bundle, details: BundleDetails) -> Bundle:
    check_price(details.price)
    chosen = _chosen(bundle.seller, details)
    apart = Money(sum(listing.price_minor for listing in chosen), details.price.currency)
    if details.price.minor >= apart.minor:
        raise PriceError(
            _("One by one these cost %(apart)s. A bundle must cost less.")
            % {"apart": apart.localised()}
        )
    bundle.title = clean_line(details.title)
    bundle.description = clean_text(details.description).strip()
    bundle.price_minor, bundle.currency = details.price.minor, details.price.currency
    bundle.save()
    bundle.items.all().delete()
    BundleItem.objects.bulk_create(
        BundleItem(bundle=bundle, listing=listing, position=position)
        for position, listing in enumerate(chosen)
    )
    return bundle


def _chosen(seller: User, details: BundleDetails) -> list[Listing]:
    ids = list(dict.fromkeys(details.listing_ids))
    if not 2 <= len(ids) <= MAX_LISTINGS:
        raise PricingError(
            "listings", _("Choose from 2 to %(most)d listings.") % {"most": MAX_LISTINGS}
        )
    found = {listing.pk: listing for listing in can_be_bundled(seller).filter(pk__in=ids)}
    if len(found) < len(ids):
        raise PricingError(
            "listings", _("One of these is not on sale any more. Take it out of the bundle.")
        )
    chosen = [found[each] for each in ids]
    others = [each for each in chosen if each.currency != details.price.currency]
    if others:
        raise PricingError(
            "listings",
            _("“%(title)s” is sold in %(other)s, and the bundle in %(currency)s.")
            % {
                "title": others[0].title,
                "other": others[0].currency,
                "currency": details.price.currency,
            },
        )
    return chosen


def _with_all() -> QuerySet[Bundle]:
    return Bundle.objects.select_related("seller__seller").prefetch_related("items__listing")
