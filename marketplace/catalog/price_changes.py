"""How a listing is priced: checked, and written down with its other details."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from marketplace.catalog.editions import copies_taken
from marketplace.catalog.errors import PriceError, PricingError
from marketplace.catalog.models import Listing
from marketplace.catalog.types import PriceTerms
from marketplace.core.fees import PoolError, check_pool, check_price
from marketplace.core.money import Money

__all__ = ["MAX_COPIES", "apply_pricing", "check_pricing", "terms_of_pricing"]

MAX_COPIES = 1_000_000
_Pricing = Listing.Pricing


def check_pricing(price: Money, terms: PriceTerms) -> None:
    """Raises PriceError for the price alone, PricingError with the name of another field."""
    check_price(price)
    if terms.copies is not None and not 1 <= terms.copies <= MAX_COPIES:
        raise PricingError("copies", _("Choose from 1 to %(most)d.") % {"most": MAX_COPIES})
    if terms.pool_bps is not None:
        try:
            check_pool(terms.pool_bps)
        except PoolError as error:
            raise PricingError("pool", str(error)) from error
    if terms.pricing == _Pricing.OPEN:
        _check_suggestion(price, terms.suggested)
    elif terms.suggested is not None:
        raise PricingError("suggested", _("A suggestion is for prices that buyers choose."))
    if terms.pricing == _Pricing.SUBSCRIPTION:
        _check_subscription(price, terms)
    elif terms.interval:
        raise PricingError("interval", _("Only a subscription is paid again and again."))


def terms_of_pricing(listing: Listing) -> PriceTerms:
    """How `listing` is priced now."""
    suggested = listing.suggested_minor
    return PriceTerms(
        pricing=listing.pricing,
        suggested=None if suggested is None else Money(suggested, listing.currency),
        interval=listing.interval,
        copies=listing.copies,
        pool_bps=listing.pool_bps,
    )


def apply_pricing(listing: Listing, price: Money, terms: PriceTerms | None) -> None:
    """Set price and pricing on a listing that is locked or new; the caller saves it.

    `terms` None keeps how it is priced. Raises PriceError and PricingError.
    """
    terms = terms_of_pricing(listing) if terms is None else terms
    check_pricing(price, terms)
    is_new = listing._state.adding  # noqa: SLF001  # Django's documented word for it
    if not is_new:
        _check_change(listing, price, terms)
    listing.price_minor, listing.currency = price.minor, price.currency
    listing.pricing, listing.interval, listing.copies = (
        terms.pricing,
        terms.interval,
        terms.copies,
    )
    listing.pool_bps = terms.pool_bps
    listing.suggested_minor = None if terms.suggested is None else terms.suggested.minor
    if listing.is_subscription:
        # It opens while it is paid for, and so can neither be kept nor passed on.
        listing.may_save = listing.transferable = listing.giftable = False
        listing.rental_hours = listing.start_days = listing.plays = listing.lend_days = None


def _check_suggestion(price: Money, suggested: Money | None) -> None:
    if suggested is None:
        return
    if suggested.currency != price.currency or suggested.minor < price.minor:
        raise PricingError(
            "suggested",
            _("Suggest the least price of %(least)s or more.") % {"least": price.localised()},
        )
    try:
        check_price(suggested)
    except PriceError as error:
        raise PricingError("suggested", str(error)) from error


def _check_subscription(price: Money, terms: PriceTerms) -> None:
    if price.minor == 0:
        raise PriceError(_("A subscription costs something. Sell it at one price to give it away."))
    if terms.interval not in Listing.Interval.values:
        raise PricingError("interval", _("Say how often it is paid: each month or each year."))
    if terms.copies is not None:
        raise PricingError("copies", _("A subscription has no number of copies."))


def _check_change(listing: Listing, price: Money, terms: PriceTerms) -> None:
    """What is fixed once something was sold, planned or promised."""
    was_sold = listing.status != Listing.Status.DRAFT
    if was_sold and listing.is_subscription != (terms.pricing == _Pricing.SUBSCRIPTION):
        raise PricingError(
            "pricing",
            _("What is sold for good stays so, and a subscription stays one. Make a new listing."),
        )
    if was_sold and listing.is_subscription and listing.interval != terms.interval:
        raise PricingError(
            "interval", _("Subscribers agreed to the interval that it has. Make a new listing.")
        )
    if price.currency != listing.currency:
        _check_currency(listing)
    taken = copies_taken(listing.pk)
    if terms.copies is not None and terms.copies < taken:
        raise PricingError(
            "copies",
            ngettext(
                "%(taken)d copy is sold or being paid for. Choose that or more.",
                "%(taken)d copies are sold or being paid for. Choose that or more.",
                taken,
            )
            % {"taken": taken},
        )


def _check_currency(listing: Listing) -> None:
    if listing.sale_periods.filter(ends_at__gt=timezone.now()).exists():
        raise PricingError("currency", _("A sale is planned in this currency. End it first."))
    if listing.bundles.exclude(status="withdrawn").exists():
        raise PricingError(
            "currency", _("It is in a bundle in this currency. Take it out of that first.")
        )
