"""What a listing costs now, and which amounts a buyer may name for it."""

from __future__ import annotations

import datetime as dt

from django.utils.translation import gettext as _

from marketplace.catalog.errors import PriceError
from marketplace.catalog.models import Listing, SalePeriod
from marketplace.core.fees import check_price
from marketplace.core.money import Money

__all__ = ["accept_price", "current_sale", "price_now"]


def price_now(listing: Listing, now: dt.datetime) -> Money:
    """What the listing costs at `now`: its sale price within a sale period, else its own.

    Where buyers choose, the least that they may pay; of a subscription, one interval.
    """
    sale = current_sale(listing, now)
    return listing.price if sale is None else sale.price


def current_sale(listing: Listing, now: dt.datetime) -> SalePeriod | None:
    """The sale period that `now` lies in and that makes the listing cheaper; None without one.

    Its start belongs to it, its end does not. A listing that was read with its sale periods
    (`prefetch_related("sale_periods")`) costs no query.
    """
    if listing.pricing != Listing.Pricing.FIXED:
        return None
    for sale in listing.sale_periods.all():
        # A regular price that has gone down meanwhile, or to another currency, is no sale.
        cheaper = sale.currency == listing.currency and sale.price_minor < listing.price_minor
        if cheaper and sale.starts_at <= now < sale.ends_at:
            return sale
    return None


def accept_price(listing: Listing, offered: Money | None, now: dt.datetime) -> Money:
    """The price of an order that is made now, where its buyer `offered` an amount.

    The amount counts where buyers choose, and nowhere else; None takes the suggestion there.
    Raises PriceError with a sentence for the buyer: below the least price, another currency,
    or nothing that a card can be charged.
    """
    if not listing.is_open:
        return price_now(listing, now)
    chosen = offered if offered is not None else listing.suggestion
    if chosen.currency != listing.currency:
        raise PriceError(
            _("This is sold in %(currency)s. Name an amount in it.")
            % {"currency": listing.currency}
        )
    if chosen.minor < listing.price_minor:
        raise PriceError(
            _("The least price is %(least)s. Choose that or more.")
            % {"least": listing.price.localised()}
        )
    check_price(chosen)
    return chosen
