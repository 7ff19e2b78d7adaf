"""What a payment's state means for its order and for the right to open what was bought.

`settle_order` is the one way there: the webhook, the return page and the sweep all
come through it, as often as they like. It reads at Stripe, records, and then moves
order and entitlement in one transaction, deciding by the recorded rows alone: they
only move forwards, so neither repeated nor reordered events can undo anything.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.db import DatabaseError, transaction
from django.utils.translation import gettext as _

from marketplace.checkout.mails import mail_receipt, mail_refund, mail_restored
from marketplace.checkout.types import Reconciled
from marketplace.core.errors import MarketplaceError
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import LiveOrderExistsError
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentMismatchError
from marketplace.payments.types import Payment, PaymentOutcome

__all__ = ["fulfil", "handle_event", "reconcile", "settle_order"]

logger = logging.getLogger(__name__)

ABANDONED = dt.timedelta(days=1)  # an order that never got as far as a payment
_Order = Order.State
_Payment = Payment.State


def settle_order(*, order_id: uuid.UUID, now: dt.datetime) -> Order:
    """Bring an order to where its payment stands at Stripe. Returns it as it is then.

    Raises PaymentsUnavailableError, PaymentMismatchError; then nothing was changed.
    """
    payments.refresh_payment(order_id=order_id, now=now)
    try:
        _apply(order_id, now=now)
    except LiveOrderExistsError:
        _give_back(order_id, now=now)
    return order_queries.order_by_id(order_id)


@transaction.atomic
def _apply(order_id: uuid.UUID, *, now: dt.datetime) -> None:
    # The order's lock comes first: what is read behind it is the newest that is known.
    order = orders.lock_order(order_id)
    outcome = payment_queries.outcome_of(order_id)
    match outcome.state if outcome else None:
        case _Payment.SUCCEEDED:
            assert outcome is not None
            _check_price(order, outcome)
            if order.state == _Order.REFUNDED:
                _take_refund_back(order, outcome, now=now)
            elif orders.mark_paid(order_id=order_id, now=now):
                fulfil(order_id, now=now)
        case _Payment.REFUNDED:
            _refund(order, now=now)
        case _Payment.FAILED | _Payment.EXPIRED:
            orders.mark_expired(order_id=order_id)


def _check_price(order: Order, outcome: PaymentOutcome) -> None:
    """Goods go out for the order's own price, whatever was paid: a guard of the last step."""
    if outcome.amount != order.price:
        raise PaymentMismatchError(
            f"order {order.number} costs {order.price}, and {outcome.amount} was paid"
        )


def fulfil(order_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Give what a paid order is for, and send the receipt; in the transaction that paid it."""
    order = order_queries.order_by_id(order_id)
    _grant(order, now=now)
    mail_receipt(order)


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


def _refund(order: Order, *, now: dt.datetime) -> None:
    was_granted = order.state == _Order.PAID
    if not orders.mark_refunded(order_id=order.pk, now=now):
        return
    if was_granted:
        licensing.revoke(order_id=order.pk, cause=f"refund:{now.isoformat()}", now=now)
    mail_refund(order_queries.order_by_id(order.pk), was_granted=was_granted)


def _take_refund_back(order: Order, outcome: PaymentOutcome, *, now: dt.datetime) -> None:
    """The buyer's bank returned the refund: they have neither money nor goods, so the goods."""
    if not outcome.refund_failed:
        return
    orders.reinstate(order_id=order.pk)
    entitlement = _grant(order, now=now)
    licensing.restore(order_id=order.pk, cause=f"refund-failed:{now.isoformat()}", now=now)
    logger.warning("a refund of order %s came back; %s stands again", order.number, entitlement)
    mail_restored(order_queries.order_by_id(order.pk))


def _give_back(order_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Paid too late: the buyer has another order for it by now. The money returns."""
    outcome = payment_queries.outcome_of(order_id)
    if outcome is None or outcome.refund_failed:
        # Trying again by itself would go round in circles; a person has to look.
        logger.error("order %s was paid besides another one and cannot be refunded", order_id)
        return
    payments.refund_payment(order_id=order_id, reason=_("Paid after a new order was made"))
    _apply_refund(order_id, now=now)


@transaction.atomic
def _apply_refund(order_id: uuid.UUID, *, now: dt.datetime) -> None:
    order = orders.lock_order(order_id)
    outcome = payment_queries.outcome_of(order_id)
    if outcome is not None and outcome.state == _Payment.REFUNDED:
        _refund(order, now=now)


def handle_event(*, event_id: str, now: dt.datetime) -> None:
    """Act on an event of the inbox, once. An error leaves it to be delivered again."""
    event = payments.event(event_id)
    if event.processed_at is not None:
        return
    try:
        order_id = payments.order_of_event(event)
        if order_id is not None:
            settle_order(order_id=order_id, now=now)
    except (MarketplaceError, DatabaseError) as error:
        payments.event_failed(event_id, f"{type(error).__name__}: {error}")
        raise
    payments.event_processed(event_id, now=now)


def reconcile(*, now: dt.datetime) -> Reconciled:
    """Settle everything whose events may have been lost. Safe to run at any time, and twice."""
    events = payment_queries.unprocessed_events()
    failures = sum(not _event_done(event_id, now=now) for event_id in events)
    for order_id in payment_queries.orders_with_open_refunds():
        failures += not _refund_resumed(order_id)
    waiting = {*payment_queries.unsettled_orders(), *_lagging()}
    for order_id in waiting:
        failures += not _order_settled(order_id, now=now)
    for order_id in order_queries.stale_orders(before=now - ABANDONED):
        if payment_queries.outcome_of(order_id) is None:
            orders.mark_expired(order_id=order_id)
    return Reconciled(orders=len(waiting), events=len(events), failures=failures)


def _lagging() -> set[uuid.UUID]:
    """Orders that did not follow their payment, because the process ended in between."""
    paid = payment_queries.orders_with_payments(state=_Payment.SUCCEEDED)
    refunded = payment_queries.orders_with_payments(state=_Payment.REFUNDED)
    return {
        *order_queries.lagging(paid, state=_Order.PAID),
        *order_queries.lagging(refunded, state=_Order.REFUNDED),
    }


def _event_done(event_id: str, *, now: dt.datetime) -> bool:
    try:
        handle_event(event_id=event_id, now=now)
    except MarketplaceError as error:
        logger.warning("event %s: %s", event_id, error)
        return False
    return True


def _refund_resumed(order_id: uuid.UUID) -> bool:
    try:
        payments.refund_payment(order_id=order_id, reason="")
    except MarketplaceError as error:
        logger.warning("refund of order %s: %s", order_id, error)
        return False
    return True


def _order_settled(order_id: uuid.UUID, *, now: dt.datetime) -> bool:
    try:
        settle_order(order_id=order_id, now=now)
    except MarketplaceError as error:
        logger.warning("order %s: %s", order_id, error)
        return False
    return True
