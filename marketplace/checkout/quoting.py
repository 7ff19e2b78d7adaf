"""What a buyer's wishes cost now: the one place where an amount is made.

The page that is shown and the bill that is opened come from the same function, so they
cannot differ; no amount that a client sent is in it, but what a buyer offers where the
seller lets them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.types import Listing
from marketplace.checkout import crediting, discounting
from marketplace.checkout.bundling import bundle_prices, place_of
from marketplace.checkout.errors import (
    SeveralCurrenciesError,
    SubscriptionOnlyError,
    WithdrawnError,
)
from marketplace.checkout.types import Quote, Wish
from marketplace.core.fees import delivery_pool, platform_fee
from marketplace.core.money import Money
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Line, Order, Terms

__all__ = ["listing_to_buy", "quote", "seen_token", "terms_now"]


def listing_to_buy(wish: Wish, buyer: User) -> Listing:
    """The listing as it is on offer.

    Raises ListingNotFoundError; WithdrawnError where the buyer had begun to buy it;
    SubscriptionOnlyError for what is subscribed to.
    """
    try:
        listing = catalog.listing_for_view(wish.listing_id, buyer)
    except ListingNotFoundError:
        if not order_queries.live_orders(buyer, [(wish.listing_id, wish.recipient_email)]):
            raise
        raise WithdrawnError(
            _("The seller has taken this off sale. Nothing was charged, and nothing will be.")
        ) from None
    if listing.is_subscription:
        raise SubscriptionOnlyError(
            _("“%(title)s” is a subscription: it is begun on its own page, and not in a cart.")
            % {"title": listing.title}
        )
    return listing


def terms_now(listing: Listing, *, now: dt.datetime) -> Terms:
    """What the listing offers at this moment, at the price that anybody pays for it.

    Where buyers choose what they pay, the least of it.
    """
    return replace(order_queries.terms_of(listing), price=catalog.price_now(listing, now))


def seen_token(line: Line, *, now: dt.datetime) -> str:
    """The token that the page of a line carries, to say which terms its buyer saw.

    What they offer themselves is no term of the seller's, and so not in it.
    """
    if line.listing.is_open and line.bundle_id is None:
        return terms_now(line.listing, now=now).token
    return line.terms.token


def quote(
    *,
    buyer: User,
    wishes: Sequence[Wish],
    now: dt.datetime,
    code: str = "",
    use_credit: bool = False,
) -> Quote:
    """What `wishes` cost `buyer` now. Wishes are at least one, and no two for the same thing.

    Raises ListingNotFoundError, WithdrawnError, SeveralCurrenciesError, CodeNotUsableError,
    PriceError for an offer that is too small, and what `bundle_prices` raises.
    """
    shares = bundle_prices(buyer, wishes, now=now)
    lines = [
        _line(wish, listing_to_buy(wish, buyer), shares.get(place_of(wish)), now=now)
        for wish in wishes
    ]
    currencies = {line.price.currency for line in lines}
    if len(currencies) > 1:
        raise SeveralCurrenciesError(
            _("These are sold in different currencies, so each currency is paid on its own.")
        )
    lines, applied = discounting.discounted(lines, code=code, buyer=buyer, now=now)
    if use_credit:
        lines = crediting.credited(lines, buyer=buyer)
    lines = [_with_shares(line) for line in lines]
    return Quote(lines=lines, currency=currencies.pop(), code=applied)


def _with_shares(line: Line) -> Line:
    """What of a line goes to the platform, and what is set aside; of credit, nothing is."""
    fee = platform_fee(line.price)
    pool = delivery_pool(line.cash, fee=fee, bps=line.listing.pool_bps)
    return replace(line, fee=fee, pool=pool)


def _line(wish: Wish, listing: Listing, share: Money | None, *, now: dt.datetime) -> Line:
    price = catalog.accept_price(listing, wish.offered, now) if share is None else share
    terms = replace(terms_now(listing, now=now), price=price)
    nothing = Money(0, terms.price.currency)
    return Line(
        listing=listing,
        terms=terms,
        discount=nothing,
        credit=nothing,
        fee=nothing,
        kind=Order.Kind.RENTAL if listing.is_rental else Order.Kind.PURCHASE,
        recipient_email=wish.recipient_email,
        present_message=wish.message,
        bundle_id=wish.bundle_id,
    )
