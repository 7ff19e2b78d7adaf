"""What a buyer's wishes cost now: the one place where an amount is made.

The page that is shown and the bill that is opened come from the same function, so they
cannot differ; no amount that a client sent is in it, but what a buyer offers where the
seller lets them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.types import Listing
from marketplace.checkout import crediting, discounting
from marketplace.checkout.errors import SeveralCurrenciesError, WithdrawnError
from marketplace.checkout.types import Quote, Wish
from marketplace.core.money import Money
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Line, Order, Terms

__all__ = ["listing_to_buy", "quote", "terms_now"]


def listing_to_buy(wish: Wish, buyer: User) -> Listing:
    """The listing as it is on offer.

    Raises ListingNotFoundError; WithdrawnError where the buyer had begun to buy it.
    """
    try:
        return catalog.listing_for_view(wish.listing_id, buyer)
    except ListingNotFoundError:
        if not order_queries.live_orders(buyer, [(wish.listing_id, wish.recipient_email)]):
            raise
        raise WithdrawnError(
            _("The seller has taken this off sale. Nothing was charged, and nothing will be.")
        ) from None


def terms_now(listing: Listing, *, now: dt.datetime) -> Terms:
    """What the listing offers at this moment, at the price that anybody pays for it."""
    return order_queries.terms_of(listing)


def quote(
    *,
    buyer: User,
    wishes: Sequence[Wish],
    now: dt.datetime,
    code: str = "",
    use_credit: bool = False,
) -> Quote:
    """What `wishes` cost `buyer` now. Wishes are at least one, and no two for the same thing.

    Raises ListingNotFoundError, WithdrawnError, SeveralCurrenciesError, CodeNotUsableError.
    """
    lines = [_line(wish, listing_to_buy(wish, buyer), now=now) for wish in wishes]
    currencies = {line.price.currency for line in lines}
    if len(currencies) > 1:
        raise SeveralCurrenciesError(
            _("These are sold in different currencies, so each currency is paid on its own.")
        )
    lines, applied = discounting.discounted(lines, code=code, buyer=buyer, now=now)
    if use_credit:
        lines = crediting.credited(lines, buyer=buyer)
    return Quote(lines=lines, currency=currencies.pop(), code=applied)


def _line(wish: Wish, listing: Listing, *, now: dt.datetime) -> Line:
    terms = terms_now(listing, now=now)
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
