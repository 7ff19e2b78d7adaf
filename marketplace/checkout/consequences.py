"""What follows when a bill is opened, paid, or ends: each function reads from top to bottom.

They change orders and what hangs on them in the caller's transaction, so all of it happens
or nothing does.
"""

from __future__ import annotations

import datetime as dt
import logging
from collections.abc import Sequence

from django.db import transaction

from marketplace.catalog import services as catalog
from marketplace.catalog.errors import SoldOutError
from marketplace.checkout import booking, crediting, discounting, periods
from marketplace.checkout.mails import mail_receipt, mail_refund, mail_refund_part, mail_restored
from marketplace.checkout.presents import give_present
from marketplace.core.money import Money
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Bill, Order

__all__ = [
    "arrived",
    "expire",
    "fulfil",
    "keep_copy",
    "kept",
    "opened",
    "partly_refunded",
    "pay",
    "refunded",
    "reinstated",
]

logger = logging.getLogger(__name__)
_State = Order.State


def opened(bill: Bill, *, now: dt.datetime) -> None:
    """A bill was made: what it counts on is set aside for it.

    Raises CodeNotUsableError, TermsChangedError, SoldOutError; then there is no bill.
    """
    # By listing: buyers of the same editions wait for each other, and never in a circle.
    for order in sorted(bill.orders.all(), key=lambda order: str(order.listing_id)):
        keep_copy(order, now=now)
    discounting.reserve(bill, now=now)
    crediting.hold(bill, now=now)


def keep_copy(order: Order, *, now: dt.datetime) -> None:
    """Where the edition is limited, the order has one of its copies. Raises SoldOutError."""
    catalog.take_copy(listing_id=order.listing_id, order_id=order.pk, now=now)


def arrived(bill: Bill, begun: Sequence[Order], *, now: dt.datetime) -> None:
    """The bill is paid, and this may be the first that its orders hear of it."""
    unheard = all(order.state in (_State.PENDING, _State.EXPIRED) for order in begun)
    if unheard and not booking.is_charged(bill.pk):
        crediting.hold_again(bill, now=now)


@transaction.atomic
def pay(bill: Bill, *, now: dt.datetime) -> None:
    """All of the bill is paid, without Stripe."""
    begun = orders.lock_bill(bill.pk)
    arrived(bill, begun, now=now)
    for order in begun:
        if orders.mark_paid(order_id=order.pk, now=now):
            fulfil(order_queries.order_by_id(order.pk), now=now)
    booking.book_bill(bill.pk, now=now)


def fulfil(order: Order, *, now: dt.datetime) -> None:
    """An order was paid, this moment: give what it is for, and send the receipt."""
    discounting.use(order.bill, now=now)
    _grant(order, now=now)
    # In this transaction, so that no cart that is saved meanwhile can bring it back.
    orders.empty_of(user_id=order.buyer_id, bought=[(order.listing_id, order.recipient_email)])
    mail_receipt(order)


@transaction.atomic
def expire(bill: Bill, *, now: dt.datetime) -> None:
    """The bill will not be paid: what was set aside for it is free again."""
    begun = orders.lock_bill(bill.pk)
    for order in begun:
        if orders.mark_expired(order_id=order.pk):
            catalog.return_copy(order_id=order.pk, now=now)
    if all(order.state in (_State.PENDING, _State.EXPIRED) for order in begun):
        discounting.release(bill, now=now)
        crediting.release(bill, now=now)


def partly_refunded(order: Order, *, total_minor: int, now: dt.datetime) -> None:
    """So much went back by now, and less than all: the buyer keeps what they bought."""
    more = total_minor - order.refunded_minor
    if orders.note_refunded(order_id=order.pk, total_minor=total_minor) and more > 0:
        mail_refund_part(order, amount=Money(more, order.currency))
    # Named by the sum: a refund that came back makes it smaller, and that is a fact of its own.
    cause = f"refunded-in-part:{total_minor}"
    licensing.note(order_id=order.pk, kind="refunded_part", cause=cause, now=now)


def kept(order: Order, *, now: dt.datetime) -> None:
    """A refund failed on its way: who withdrew, and lost access at once, has neither. So access."""
    if order.state == _State.PAID and order.kind != Order.Kind.SUBSCRIPTION:
        cause = f"refund-failed:{now.isoformat()}"
        licensing.restore(order_id=order.pk, cause=cause, now=now)


def refunded(order: Order, *, now: dt.datetime) -> None:
    """All the money went back: access ends."""
    was_granted = order.state == _State.PAID
    if not orders.mark_refunded(order_id=order.pk, now=now):
        return
    catalog.return_copy(order_id=order.pk, now=now)
    cause = f"refund:{now.isoformat()}"
    if order.kind == Order.Kind.SUBSCRIPTION:
        was_granted = periods.take_back(order, cause=cause, now=now)
    elif was_granted:
        licensing.revoke(order_id=order.pk, cause=cause, now=now)
    mail_refund(order_queries.order_by_id(order.pk), was_granted=was_granted)


def reinstated(order: Order, *, now: dt.datetime) -> None:
    """The buyer's bank returned the refund: they have neither money nor goods, so the goods.

    Raises LiveOrderExistsError where the buyer has bought the listing anew.
    """
    orders.reinstate(order_id=order.pk)
    try:
        keep_copy(order, now=now)
    except SoldOutError:
        # It went to somebody else meanwhile. Who paid twice over gets one beyond the edition.
        logger.warning("order %s stands again beyond its edition", order.number)
    cause = f"refund-failed:{now.isoformat()}"
    entitlement = _grant(order, now=now)
    licensing.restore(order_id=order.pk, cause=cause, now=now)
    logger.warning("a refund of order %s came back; %s stands again", order.number, entitlement)
    mail_restored(order_queries.order_by_id(order.pk))


def _grant(order: Order, *, now: dt.datetime) -> Entitlement:
    if order.kind == Order.Kind.SUBSCRIPTION:
        return periods.deliver(order, now=now)
    if order.is_present:
        return give_present(order, now=now)
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
