"""What a dispute means for the orders of its bill, and for the right to open what was bought.

`follow_disputes` is the one way there: the webhook and the sweep come through it, as often
as they like. It reads at Stripe, records, and moves orders, access and books in one
transaction by the recorded rows alone; what has to be asked of Stripe for it comes after.

    inquiry   nothing changes: the bank asks, and no money has moved
    open      access is suspended; the disputed money leaves the sellers' balances
    won       access opens again; the money is the sellers' again
    lost      access ends; the orders are charged back
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.catalog import services as catalog
from marketplace.catalog.errors import SoldOutError
from marketplace.checkout import booking, consequences, distributing, periods
from marketplace.checkout.dispute_mails import mail_dispute
from marketplace.checkout.settling import settle_bill, share_of
from marketplace.core.errors import MarketplaceError
from marketplace.licensing import services as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import LiveOrderExistsError
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.types import Dispute, Payment

__all__ = ["follow_disputes", "sweep_disputes"]

logger = logging.getLogger(__name__)

# Stripe delivers an event for three days; what was lost longer ago was found before.
LOOKED_BACK = dt.timedelta(days=4)
_Stage = Dispute.Stage


def follow_disputes(*, bill_id: uuid.UUID, now: dt.datetime) -> None:
    """Bring a bill's orders to where its disputes stand at Stripe.

    Raises PaymentsUnavailableError; then nothing was changed.
    """
    payments.refresh_disputes(bill_id=bill_id, now=now)
    for dispute in payment_queries.disputes_of([bill_id]):
        for refund_id in _apply(dispute.pk, bill_id, now=now):
            payments.resume_refund(refund_id)
            settle_bill(bill_id=bill_id, now=now)
    distributing.distribute_quietly(bill_id)


def sweep_disputes(*, now: dt.datetime) -> int:
    """Follow every dispute whose events may have been lost. Returns how many failed."""
    failures = 0
    try:
        found = payments.discover_disputes(since=now - LOOKED_BACK)
    except MarketplaceError as error:
        logger.warning("disputes cannot be listed: %s", error)
        found, failures = [], 1
    for bill_id in {*found, *payment_queries.lagging_disputes()}:
        try:
            follow_disputes(bill_id=bill_id, now=now)
        except MarketplaceError as error:
            logger.warning("disputes of bill %s: %s", bill_id, error)
            failures += 1
    return failures


@transaction.atomic
def _apply(dispute_id: uuid.UUID, bill_id: uuid.UUID, *, now: dt.datetime) -> list[uuid.UUID]:
    """Move the bill's orders after one dispute, once for each stage that it comes to.

    Returns refunds that are written down: of what was won after its buyer had bought it anew.
    """
    disputed = orders.lock_bill(bill_id)
    dispute = payments.lock_dispute(dispute_id)
    if dispute.payment.state not in (Payment.State.SUCCEEDED, Payment.State.REFUNDED):
        return []  # heard of before its payment: the sweep comes again
    stage = payments.follow_stage(dispute)
    astray: list[Order] = []
    if stage is not None and not (stage != _Stage.LOST and _lost_besides(dispute, bill_id)):
        astray = [order for order in disputed if not _move(order, dispute, stage, now=now)]
    if stage is not None:
        mail_dispute(order_queries.bill_by_id(bill_id), dispute, stage)
    # Money may move without a new stage, as when an event told of the dispute before it.
    booking.book_bill(bill_id, now=now)
    return [_give_back(order) for order in astray]


def _lost_besides(dispute: Dispute, bill_id: uuid.UUID) -> bool:
    """Whether another dispute of the bill is lost: then this one brings nothing back."""
    found = payment_queries.disputes_of([bill_id])
    return any(
        payments.stage_of(other.status) == _Stage.LOST for other in found if other.pk != dispute.pk
    )


def _give_back(order: Order) -> uuid.UUID:
    reason = _("Won at the bank after it was bought anew")
    refund = payments.intend_refund(bill_id=order.bill_id, share=share_of(order), reason=reason)
    return refund.pk


def _move(order: Order, dispute: Dispute, stage: str, *, now: dt.datetime) -> bool:
    """Returns False where the money that came back is one payment too many."""
    cause = f"dispute:{dispute.stripe_id}"
    match stage:
        case _Stage.OPEN:
            _come_back(order, now=now)  # a lost one is appealed: nobody knows yet
            licensing.suspend(order_id=order.pk, cause=cause, now=now)
        case _Stage.WON:
            if not _come_back(order, now=now):
                return False
            licensing.resume(order_id=order.pk, cause=cause, now=now)
        case _Stage.LOST:
            if order.state == Order.State.PAID:
                orders.mark_charged_back(order_id=order.pk, now=now)
                catalog.return_copy(order_id=order.pk, now=now)
            licensing.charge_back(order_id=order.pk, cause=cause, now=now)
            periods.stop(order, now=now)
    return True


def _come_back(order: Order, *, now: dt.datetime) -> bool:
    """Let a charged-back order count as paid again; False where its buyer has bought anew."""
    if order.state != Order.State.CHARGED_BACK:
        return True
    try:
        with transaction.atomic():
            orders.reinstate(order_id=order.pk)
    except LiveOrderExistsError:
        return False
    try:
        consequences.keep_copy(order, now=now)
    except SoldOutError:
        logger.warning("order %s stands again beyond its edition", order.number)
    outcome = payment_queries.outcome_for(order.pk, order.bill_id)
    if outcome is not None:
        back = outcome.refunded.minor + outcome.credited.minor
        orders.note_refunded(order_id=order.pk, total_minor=back)
    return True
