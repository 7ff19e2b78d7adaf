"""Sale periods: planned by the clock on the seller's wall, one at a time, ended at any time."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
import zoneinfo

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog.errors import PriceError, PricingError, SaleNotFoundError
from marketplace.catalog.locking import lock_own
from marketplace.catalog.models import Listing, SalePeriod
from marketplace.catalog.types import SaleWish
from marketplace.core.fees import check_price

__all__ = ["LONGEST_SALE", "end_sale", "moment_in", "plan_sale", "sale_zone", "sales_of", "zones"]

LONGEST_SALE = dt.timedelta(days=92)  # longer, and the regular price is only a story
_MOST_PLANNED = 20


@functools.cache
def zones() -> tuple[str, ...]:
    """The time zones that a seller may choose: places, and UTC."""
    areas = ("Africa", "America", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")
    places = (name for name in zoneinfo.available_timezones() if name.split("/")[0] in areas)
    return (*sorted(places), "UTC")


def moment_in(zone: str, clock: dt.datetime, *, last: bool = False) -> dt.datetime:
    """The moment at which the clocks in `zone` show `clock` (naive), in UTC.

    Where they show it twice, as clocks are put back, the first one, or the `last`. Raises
    ValueError with a sentence where they never do, or the zone is none.
    """
    if zone not in zones():
        raise ValueError(_("Choose a time zone from the list."))
    local = clock.replace(tzinfo=zoneinfo.ZoneInfo(zone), fold=int(last))
    moment = local.astimezone(dt.UTC)
    if moment.astimezone(local.tzinfo).replace(tzinfo=None) != clock:
        raise ValueError(
            _("Clocks are put forward there, and never show this time. Choose another.")
        )
    return moment


def sales_of(listing_id: uuid.UUID, *, now: dt.datetime) -> QuerySet[SalePeriod]:
    """The sale periods of a listing that are not over, in their order."""
    return SalePeriod.objects.filter(listing_id=listing_id, ends_at__gt=now).order_by("starts_at")


def sale_zone(seller: User) -> str:
    """The zone in which `seller` gave the times of their newest sale; "" before the first."""
    rows = SalePeriod.objects.filter(listing__seller_id=seller.pk).order_by("-created_at")
    return rows.values_list("zone", flat=True).first() or ""


@transaction.atomic
def plan_sale(
    *, listing_id: uuid.UUID, seller: User, wish: SaleWish, now: dt.datetime
) -> SalePeriod:
    """Sell for less for a while; one that should have begun already begins now.

    Raises ListingNotFoundError (also where it is another's), PriceError for the sale price,
    PricingError with the name of another field.
    """
    listing = lock_own(listing_id, seller=seller)
    _check_sale_price(listing, wish)
    starts = max(_moment("starts", wish.zone, wish.starts), now)
    ends = _moment("ends", wish.zone, wish.ends, last=True)
    if ends <= starts:
        raise PricingError("ends", _("The sale must end after it begins, and not in the past."))
    if ends - starts > LONGEST_SALE:
        raise PricingError(
            "ends", _("A sale lasts %(days)d days at most.") % {"days": LONGEST_SALE.days}
        )
    planned = sales_of(listing_id, now=now)
    if planned.count() >= _MOST_PLANNED:
        raise PricingError("starts", _("Enough sales are planned. End one of them first."))
    if planned.filter(starts_at__lt=ends, ends_at__gt=starts).exists():
        raise PricingError("starts", _("Another sale of this listing lies in this time."))
    return SalePeriod.objects.create(
        listing=listing,
        price_minor=wish.price.minor,
        currency=wish.price.currency,
        starts_at=starts,
        ends_at=ends,
        zone=wish.zone,
    )


@transaction.atomic
def end_sale(*, sale_id: uuid.UUID, listing_id: uuid.UUID, seller: User, now: dt.datetime) -> bool:
    """Ask the regular price from now on; a sale that has not begun is called off.

    Returns whether that is news. Raises ListingNotFoundError, SaleNotFoundError.
    """
    lock_own(listing_id, seller=seller)
    sale = SalePeriod.objects.filter(pk=sale_id, listing_id=listing_id).first()
    if sale is None:
        raise SaleNotFoundError(str(sale_id))
    if sale.ends_at <= now:
        return False
    if sale.starts_at >= now:
        sale.delete()
    else:
        sale.ends_at = now
        sale.save(update_fields=["ends_at"])
    return True


def _check_sale_price(listing: Listing, wish: SaleWish) -> None:
    if listing.pricing != Listing.Pricing.FIXED:
        raise PriceError(_("Only what has one price can be on sale for less."))
    if wish.price.currency != listing.currency or wish.price.minor >= listing.price_minor:
        raise PriceError(
            _("The sale price must be below the regular %(price)s.")
            % {"price": listing.price.localised()}
        )
    check_price(wish.price)


def _moment(field: str, zone: str, clock: dt.datetime, *, last: bool = False) -> dt.datetime:
    if zone not in zones():
        field = "zone"
    try:
        return moment_in(zone, clock, last=last)
    except ValueError as error:
        raise PricingError(field, str(error)) from error
