"""Discount codes at the checkout: previewed in the quote, reserved when the bill opens, used
when it is paid, free again when it expires.

A bill that is paid after it had expired counts as a use after all. A refund gives no use back:
the limit is what the seller has promised to bear, and buying and returning must not stretch it.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog.types import Listing
from marketplace.checkout.errors import TermsChangedError
from marketplace.core.money import Money
from marketplace.discounts import services as discounts
from marketplace.discounts.types import DiscountLine
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Bill, Line, Order

__all__ = ["begun_bills", "discounted", "release", "reserve", "use"]


def discounted(
    lines: Sequence[Line], *, code: str, buyer: User, now: dt.datetime
) -> tuple[list[Line], str]:
    """The lines with what `code` takes off them, and the code as its seller wrote it.

    Without a code ("", or white space) they stay as they are. Raises CodeNotUsableError.
    """
    if not code.strip():
        return list(lines), ""
    # Shares of an amount depend on the order, which the bill's rows do not keep.
    ordered = sorted(lines, key=lambda line: _place(line.listing.pk, line.recipient_email))
    found = discounts.preview(
        text=code,
        buyer=buyer,
        lines=[_line(line.listing, line.terms.price) for line in ordered],
        now=now,
        besides=begun_bills(lines, buyer),
    )
    off = {id(line): money for line, money in zip(ordered, found.lines, strict=True)}
    return [replace(line, discount=off[id(line)]) for line in lines], found.shown


def reserve(bill: Bill, *, now: dt.datetime) -> None:
    """Take a use of the bill's code for it, in the transaction that opens it.

    Raises CodeNotUsableError where a rival has taken the last one; then the bill is not opened.
    """
    if not bill.code:
        return
    begun = sorted(
        bill.orders.select_related("listing"),
        key=lambda order: _place(order.listing_id, order.recipient_email),
    )
    found = discounts.reserve(
        text=bill.code,
        buyer=bill.buyer,
        bill_id=bill.pk,
        lines=[_line(order.listing, order.list_price) for order in begun],
        now=now,
    )
    if [money.minor for money in found.lines] != [order.discount_minor for order in begun]:
        raise TermsChangedError(
            _("The seller changed this while you were looking at it. Look again, then go on.")
        )


def use(bill: Bill, *, now: dt.datetime) -> None:
    """The bill was paid."""
    if bill.code:
        discounts.use(bill_id=bill.pk, now=now)


def release(bill: Bill, *, now: dt.datetime) -> None:
    """The bill will not be paid."""
    if bill.code:
        discounts.release(bill_id=bill.pk, now=now)


def begun_bills(lines: Sequence[Line], buyer: User) -> set[uuid.UUID]:
    """The buyer's open bills for any of these: each is gone on with or closed, never both paid."""
    wanted = [(line.listing.pk, line.recipient_email) for line in lines]
    return {
        order.bill_id
        for order in order_queries.live_orders(buyer, wanted)
        if order.state == Order.State.PENDING
    }


def _line(listing: Listing, price: Money) -> DiscountLine:
    # Where buyers name the price a code means nothing; what renews has its price at Stripe.
    plain = listing.pricing == Listing.Pricing.FIXED
    return DiscountLine(listing.pk, listing.seller_id, price, plain)


def _place(listing_id: uuid.UUID, recipient: str) -> tuple[str, str]:
    return str(listing_id), recipient
