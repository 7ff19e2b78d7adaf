"""Acting on Stripe's events, and on those that were lost."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from functools import partial
from typing import Any

from django.db import DatabaseError

from marketplace.checkout import consequences
from marketplace.checkout.disputing import follow_disputes, sweep_disputes
from marketplace.checkout.distributing import (
    account_changed,
    resume_transfers,
)
from marketplace.checkout.paying_out import book_own_payouts, payout_changed, resume_payouts
from marketplace.checkout.settling import settle_bill
from marketplace.checkout.subscribing import settle_subscription, sweep_subscriptions
from marketplace.checkout.types import Reconciled
from marketplace.core.errors import MarketplaceError
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.types import Payment
from marketplace.rewards import services as rewards

__all__ = ["handle_event", "reconcile"]

logger = logging.getLogger(__name__)

# Stripe tries to deliver an event for three days; what was lost longer ago was found before.
REMEMBERED = dt.timedelta(days=4)
OWN_PAYOUTS = dt.timedelta(days=30)  # Stripe pays the platform daily, or less often
ABANDONED = dt.timedelta(days=1)  # a bill that never got as far as a payment
_Order = Order.State
_Payment = Payment.State


def handle_event(*, event_id: str, now: dt.datetime) -> None:
    """Act on an event of the inbox, once. An error leaves it to be delivered again."""
    event = payments.event(event_id)
    if event.processed_at is not None:
        return
    try:
        bill_id = payments.bill_of_event(event)
        if bill_id is not None:
            settle_bill(bill_id=bill_id, now=now)
            if event.type.startswith("charge.dispute."):
                follow_disputes(bill_id=bill_id, now=now)
        elif (subscription_id := payments.subscription_of_event(event)) is not None:
            settle_subscription(subscription_id=subscription_id, now=now)
        elif event.type == "account.updated":
            account_changed(event.object_id)
        elif event.type.startswith("payout."):
            payout_changed(event.object_id, now=now)
    except (MarketplaceError, DatabaseError) as error:
        payments.event_failed(event_id, f"{type(error).__name__}: {error}")
        raise
    payments.event_processed(event_id, now=now)


def reconcile(*, now: dt.datetime, since: dt.datetime | None = None) -> Reconciled:
    """Settle everything whose events may have been lost. Safe to run at any time, and twice.

    What happened at Stripe since `since` (four days ago where it is not said) is asked for,
    so that an event that never arrived is not missed.
    """
    failures = 0 if _done(partial(payments.fetch_events, since=since or now - REMEMBERED)) else 1
    events = payment_queries.unprocessed_events()
    for event_id in events:
        failures += not _done(partial(handle_event, event_id=event_id, now=now))
    for refund_id in payment_queries.open_refunds():
        failures += not _done(partial(payments.resume_refund, refund_id))
    waiting = {*payment_queries.unsettled_bills(), *_lagging()}
    for bill_id in waiting:
        failures += not _done(partial(settle_bill, bill_id=bill_id, now=now))
    for bill_id in order_queries.stale_bills(before=now - ABANDONED):
        if payment_queries.outcome_of(bill_id) is None:
            consequences.expire(order_queries.bill_by_id(bill_id), now=now)
    for subscription_id in sweep_subscriptions(now=now):
        act = partial(settle_subscription, subscription_id=subscription_id, now=now)
        failures += not _done(act)
    failures += sweep_disputes(now=now)
    failures += rewards.settle(now=now).failures
    failures += not _done(partial(book_own_payouts, since=now - OWN_PAYOUTS))
    failures += resume_transfers(since=now - ABANDONED) + resume_payouts(now=now)
    return Reconciled(bills=len(waiting), events=len(events), failures=failures)


def _lagging() -> set[uuid.UUID]:
    """Bills that did not follow their payment, because the process ended in between."""
    paid = payment_queries.bills_with_payments(state=_Payment.SUCCEEDED)
    refunded = payment_queries.bills_with_payments(state=_Payment.REFUNDED)
    ended = [_Order.REFUNDED, _Order.CHARGED_BACK]
    return {
        *order_queries.lagging(paid, states=[_Order.PAID, *ended]),
        *order_queries.lagging(refunded, states=ended),
    }


def _done(act: partial[Any]) -> bool:
    try:
        act()
    except MarketplaceError as error:
        logger.warning("%s of %s: %s", act.func.__name__, (*act.args, act.keywords), error)
        return False
    return True
