"""Shop credit at the checkout: held while the payment is open, given back when it expires,
spent when it is paid.

What is paid in cash is nothing, or at least what a card can be charged. On a refund cash goes
back first, and credit comes back as credit (payments/refunds.py); it is never paid out.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Sequence
from dataclasses import replace

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout.discounting import begun_bills
from marketplace.checkout.errors import TermsChangedError
from marketplace.core.money import CURRENCIES, Money
from marketplace.core.shares import spread
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.errors import NotEnoughError
from marketplace.ledger.types import chart
from marketplace.orders.types import Bill, Line, Order

__all__ = ["available", "credited", "hold", "hold_again", "release"]


def available(buyer: User, currency: str, *, besides: Collection[uuid.UUID] = ()) -> Money:
    """What credit `buyer` can spend now, also what the open bills `besides` hold."""
    free = books.balance(chart.credit(buyer.pk, currency))
    held = [books.balance(chart.credit_held(bill_id, currency)) for bill_id in besides]
    return Money(free.minor + sum(money.minor for money in held), currency)


def credited(lines: Sequence[Line], *, buyer: User) -> list[Line]:
    """The lines with as much of each paid by credit as the buyer has and a card allows.

    All lines are in one currency.
    """
    currency = lines[0].price.currency
    there = available(buyer, currency, besides=begun_bills(lines, buyer))
    prices = [line.price.minor for line in lines]
    shares = _shares(there, prices)
    return [
        replace(line, credit=Money(share, currency))
        for line, share in zip(lines, shares, strict=True)
    ]


def hold(bill: Bill, *, now: dt.datetime) -> None:
    """Set aside what of the bill credit pays, in the transaction that opens it.

    Raises TermsChangedError where it was spent in between; then the bill is not opened.
    """
    amount = _of(bill)
    if not amount.minor:
        return
    try:
        ledger.hold_credit(user_id=bill.buyer_id, bill_id=bill.pk, amount=amount, at=now)
    except NotEnoughError as error:
        raise TermsChangedError(
            _(
                "Your credit was used elsewhere in this moment; %(left)s of it is left. Nothing"
                " was charged; look again, then go on."
            )
            % {"left": error.available.localised()}
        ) from None


def hold_again(bill: Bill, *, now: dt.datetime) -> None:
    """The bill is paid although it had expired, and its credit had been given back.

    Where the buyer has spent it since, the shop makes up for the rest: they have paid what they
    were asked for. The caller holds the bill's lock, and none of it is booked yet.
    """
    amount = _of(bill)
    held = books.balance(chart.credit_held(bill.pk, bill.currency))
    missing = amount.minor - held.minor
    if missing <= 0:
        return
    short = missing - available(bill.buyer, bill.currency).minor
    if short > 0:
        ledger.grant_credit(
            user_id=bill.buyer_id,
            amount=Money(short, bill.currency),
            source=f"credit-paid-late:{bill.pk}",
            at=now,
            reason="Paid late, when the credit was spent",
        )
    ledger.hold_credit(user_id=bill.buyer_id, bill_id=bill.pk, amount=amount, at=now)


def release(bill: Bill, *, now: dt.datetime) -> None:
    """The bill will not be paid: what was held for it is the buyer's again."""
    if _of(bill).minor:
        ledger.release_credit(
            user_id=bill.buyer_id, bill_id=bill.pk, currency=bill.currency, at=now
        )


def _shares(there: Money, prices: Sequence[int]) -> tuple[int, ...]:
    """What of each price credit pays: all of it, or so much that a card can pay the rest."""
    unit = CURRENCIES[there.currency]
    total = sum(prices)
    usable = min(there.minor, total)
    if usable < total:
        usable = max(0, min(usable, total - unit.minimum)) // unit.step * unit.step
    if not usable:
        return (0,) * len(prices)
    if usable == total:
        return tuple(prices)
    steps = spread(usable // unit.step, [price // unit.step for price in prices])
    return tuple(share * unit.step for share in steps)


def _of(bill: Bill) -> Money:
    return Money(sum(order.credit_minor for order in _orders(bill)), bill.currency)


def _orders(bill: Bill) -> Sequence[Order]:
    return list(bill.orders.all())
