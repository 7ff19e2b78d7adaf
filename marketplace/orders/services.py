"""Changes to orders. An order's state moves along the arrows, and no other way:

    pending ──► paid ──► refunded, charged_back
       │          ▲  ◄──    ▲     (back: the bank returned the refund, or the dispute was won)
       └► expired ┴─────────┘     (paid late: granted, or refunded at once)

Each change is told to the buyer's open pages.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.messaging import services as messaging
from marketplace.orders.carts import (
    agree_in_cart,
    empty_of,
    lock_cart,
    offer_in_cart,
    put_in,
    take_out,
)
from marketplace.orders.errors import (
    LiveOrderExistsError,
    OrderStateError,
    OwnListingError,
)
from marketplace.orders.locks import lock_bill, lock_order
from marketplace.orders.models import Bill, Order
from marketplace.orders.numbers import new_number
from marketplace.orders.renewals import open_renewal, tax_number_of
from marketplace.orders.types import Line

__all__ = [
    "agree_in_cart",
    "empty_of",
    "lock_bill",
    "lock_cart",
    "lock_order",
    "mark_charged_back",
    "mark_expired",
    "mark_paid",
    "mark_refunded",
    "mark_spent",
    "note_refunded",
    "offer_in_cart",
    "open_bill",
    "open_renewal",
    "put_in",
    "reinstate",
    "take_out",
]

_State = Order.State
_LIVE = (_State.PENDING, _State.PAID)
_BACK = (_State.REFUNDED, _State.CHARGED_BACK)


def open_bill(
    *, buyer: User, lines: Sequence[Line], language: str = "en", code: str = ""
) -> Bill | None:
    """A new bill with one pending order for each line, at the lines' prices and rights.

    None where the buyer has a live order for one of the listings by now (a rival made it),
    so look again. Raises OwnListingError, ValueError for lines of several currencies.
    """
    if any(line.listing.seller_id == buyer.pk for line in lines):
        raise OwnListingError(_("This is your own listing, so there is nothing to buy."))
    [currency] = {line.price.currency for line in lines}
    try:
        with transaction.atomic():
            bill = Bill.objects.create(buyer=buyer, currency=currency, code=code)
            Order.objects.bulk_create(_order(bill, line, language) for line in lines)
    except IntegrityError:
        return None
    return bill


def _order(bill: Bill, line: Line, language: str) -> Order:
    terms = line.terms
    return Order(
        number=new_number(),
        buyer_id=bill.buyer_id,
        bill=bill,
        listing=line.listing,
        package_id=terms.package_id,
        kind=line.kind,
        title=line.listing.title,
        list_minor=terms.price.minor,
        discount_minor=line.discount.minor,
        price_minor=line.price.minor,
        credit_minor=line.credit.minor,
        fee_minor=line.fee.minor,
        pool_minor=line.pool.minor if line.pool else 0,
        currency=bill.currency,
        rights=dict(terms.rights),
        start_days=terms.start_days,
        recipient_email=line.recipient_email,
        present_message=line.present_message,
        bundle_id=line.bundle_id,
        seller_tax_number=tax_number_of(line.listing),
        language=language,
    )


@transaction.atomic
def mark_paid(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """The money is there. Returns whether that is news.

    An order that had expired comes back to life. Raises LiveOrderExistsError where its
    buyer has another order for the listing by then: the money of this one must go back.
    """
    order = lock_order(order_id)
    if order.state == _State.PAID or order.state in _BACK:
        return False
    order.paid_at = now
    _revive(order)
    return True


@transaction.atomic
def mark_expired(*, order_id: uuid.UUID) -> bool:
    """It will not be paid: the buyer may order again. Returns whether that is news."""
    order = lock_order(order_id)
    if order.state != _State.PENDING:
        return False
    _move(order, _State.EXPIRED)
    return True


@transaction.atomic
def note_refunded(*, order_id: uuid.UUID, total_minor: int) -> bool:
    """So much of it has gone back by now, in cash and as credit. Returns whether that is news."""
    order = lock_order(order_id)
    if order.refunded_minor == total_minor:
        return False
    order.refunded_minor = total_minor
    _move(order, order.state)
    return True


@transaction.atomic
def mark_refunded(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """All the money went back. Returns whether that is news."""
    return _end(order_id, _State.REFUNDED, now=now)


@transaction.atomic
def mark_charged_back(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """The buyer's bank took the money back for good. Returns whether that is news."""
    return _end(order_id, _State.CHARGED_BACK, now=now)


@transaction.atomic
def reinstate(*, order_id: uuid.UUID) -> None:
    """The money came back to us: the order counts as paid again.

    Raises OrderStateError where it had not gone, LiveOrderExistsError where the buyer has
    bought the listing anew.
    """
    order = lock_order(order_id)
    if order.state not in _BACK:
        raise OrderStateError(_("Only an order that was refunded can be paid again."))
    order.refunded_at = None
    order.refunded_minor = 0
    _revive(order)


@transaction.atomic
def mark_spent(*, order_id: uuid.UUID) -> None:
    """What a paid order gave is over: its buyer may order the listing again."""
    order = lock_order(order_id)
    if order.state != _State.PAID:
        raise OrderStateError(_("Only what was paid for can be over."))
    order.spent = True
    order.save(update_fields=["spent"])


def _end(order_id: uuid.UUID, state: str, *, now: dt.datetime) -> bool:
    order = lock_order(order_id)
    if order.state in _BACK:
        return False
    # Events come in any order: the refund may be the first that is heard of the payment.
    order.paid_at = order.paid_at or now
    order.refunded_at = now
    order.refunded_minor = order.price_minor
    _move(order, state)
    return True


def _revive(order: Order) -> None:
    others = Order.objects.filter(
        buyer_id=order.buyer_id,
        listing_id=order.listing_id,
        state__in=_LIVE,
        spent=False,
        recipient_email="",
    ).exclude(pk=order.pk)
    if not order.is_present and not order.spent and others.exists():
        raise LiveOrderExistsError(_("You have another order for this listing."))
    try:
        with transaction.atomic():
            _move(order, _State.PAID)
    except IntegrityError:  # a rival opened one in between
        raise LiveOrderExistsError(_("You have another order for this listing.")) from None


def _move(order: Order, state: str) -> None:
    order.state = state
    order.save(update_fields=["state", "paid_at", "refunded_at", "refunded_minor"])
    messaging.publish(
        group=messaging.user_group(order.buyer_id),
        kind="order.changed",
        payload={"order": str(order.pk), "state": state},
    )
