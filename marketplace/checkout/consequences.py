"""What follows when a bill is opened, paid, or ends: each function reads from top to bottom.

They change orders and what hangs on them in the caller's transaction, so all of it happens
or nothing does.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import transaction

from marketplace.checkout.mails import mail_receipt, mail_refund, mail_restored
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Bill, Order

__all__ = ["expire", "fulfil", "opened", "partly_refunded", "pay", "refunded", "reinstated"]

logger = logging.getLogger(__name__)
_State = Order.State


def opened(bill: Bill, *, now: dt.datetime) -> None:
    """A bill was made: what it counts on is set aside for it."""


@transaction.atomic
def pay(bill: Bill, *, now: dt.datetime) -> None:
    """All of the bill is paid, without Stripe."""
    for order in orders.lock_bill(bill.pk):
        if orders.mark_paid(order_id=order.pk, now=now):
            fulfil(order_queries.order_by_id(order.pk), now=now)


def fulfil(order: Order, *, now: dt.datetime) -> None:
    """An order was paid, this moment: give what it is for, and send the receipt."""
    _grant(order, now=now)
    mail_receipt(order)


@transaction.atomic
def expire(bill: Bill) -> None:
    """The bill will not be paid: what was set aside for it is free again."""
    for order in orders.lock_bill(bill.pk):
        orders.mark_expired(order_id=order.pk)


def partly_refunded(order: Order, *, total_minor: int, now: dt.datetime) -> None:
    """So much went back by now, and less than all: the buyer keeps what they bought."""
    orders.note_refunded(order_id=order.pk, total_minor=total_minor)


def refunded(order: Order, *, now: dt.datetime) -> None:
    """All the money went back: access ends."""
    was_granted = order.state == _State.PAID
    if not orders.mark_refunded(order_id=order.pk, now=now):
        return
    if was_granted:
        licensing.revoke(order_id=order.pk, cause=f"refund:{now.isoformat()}", now=now)
    mail_refund(order_queries.order_by_id(order.pk), was_granted=was_granted)


def reinstated(order: Order, *, now: dt.datetime) -> None:
    """The buyer's bank returned the refund: they have neither money nor goods, so the goods.

    Raises LiveOrderExistsError where the buyer has bought the listing anew.
    """
    orders.reinstate(order_id=order.pk)
    entitlement = _grant(order, now=now)
    licensing.restore(order_id=order.pk, cause=f"refund-failed:{now.isoformat()}", now=now)
    logger.warning("a refund of order %s came back; %s stands again", order.number, entitlement)
    mail_restored(order_queries.order_by_id(order.pk))


def _grant(order: Order, *, now: dt.datetime) -> Entitlement:
    days = order.start_days
    return licensing.grant(
        user=order.buyer,
        listing_id=order.listing_id,
        package_id=order.package_id,
        order_id=order.pk,
        rights=order.rights,
        kind="rental" if order.is_rental else "purchase",
        start_by=None if days is None else now + dt.timedelta(days=days),
        now=now,
    )
