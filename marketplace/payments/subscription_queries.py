"""Reading subscriptions, for the flows above. Whose they are, they check."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import Max, Q

from marketplace.payments.subscription_models import Subscription, SubscriptionInvoice

__all__ = [
    "going_on",
    "invoice_of_order",
    "orders_of_subscription",
    "owed_invoice",
    "paid_until",
    "renewing",
    "subscription_of_order",
    "subscriptions_of_orders",
    "undelivered_invoices",
    "unsettled_subscriptions",
]

_State = Subscription.State
_Invoice = SubscriptionInvoice.State
RUNNING = (_State.ACTIVE, _State.PAST_DUE)


def subscription_of_order(order_id: uuid.UUID) -> Subscription | None:
    """The subscription that an order began, or a period of which it paid."""
    begun = Subscription.objects.filter(order_id=order_id).first()
    if begun is not None:
        return begun
    invoice = invoice_of_order(order_id)
    return None if invoice is None else invoice.subscription


def subscriptions_of_orders(order_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Subscription]:
    """The subscriptions that these orders began, with their invoices, by order."""
    rows = Subscription.objects.filter(order_id__in=list(order_ids)).prefetch_related("invoices")
    return {row.order_id: row for row in rows}


def invoice_of_order(order_id: uuid.UUID) -> SubscriptionInvoice | None:
    """The invoice of the period that an order paid."""
    rows = SubscriptionInvoice.objects.select_related("subscription")
    return rows.filter(order_id=order_id).first()


def orders_of_subscription(subscription_id: uuid.UUID) -> list[uuid.UUID]:
    """The orders of its paid periods, the earliest period first."""
    rows = SubscriptionInvoice.objects.filter(
        subscription_id=subscription_id, state=_Invoice.PAID, order_id__isnull=False
    ).order_by("period_start", "created_at")
    return [order_id for order_id in rows.values_list("order_id", flat=True) if order_id]


def paid_until(subscription_id: uuid.UUID) -> dt.datetime | None:
    """The end of the last period that is paid."""
    rows = SubscriptionInvoice.objects.filter(subscription_id=subscription_id, state=_Invoice.PAID)
    until: dt.datetime | None = rows.aggregate(until=Max("period_end"))["until"]
    return until


def owed_invoice(subscription_id: uuid.UUID) -> SubscriptionInvoice | None:
    """What its buyer still has to pay."""
    rows = SubscriptionInvoice.objects.filter(subscription_id=subscription_id, state=_Invoice.OPEN)
    return rows.order_by("period_start", "created_at").last()


def undelivered_invoices(subscription_id: uuid.UUID) -> list[SubscriptionInvoice]:
    """Paid invoices that have no order yet, the earliest period first."""
    rows = SubscriptionInvoice.objects.filter(
        subscription_id=subscription_id, state=_Invoice.PAID, order_id=None
    )
    return list(rows.order_by("period_start", "created_at"))


def renewing(*, now: dt.datetime, ahead: dt.timedelta) -> list[uuid.UUID]:
    """Running subscriptions whose period ends within `ahead`, and that are to go on."""
    rows = Subscription.objects.filter(
        state__in=RUNNING, cancel_at_period_end=False, period_end__lte=now + ahead
    )
    return list(rows.values_list("pk", flat=True))


def going_on() -> dict[uuid.UUID, uuid.UUID]:
    """Running subscriptions that nobody has cancelled, by the order that began each."""
    rows = Subscription.objects.filter(
        state__in=RUNNING, cancel_at_period_end=False, wish=Subscription.Wish.NONE
    )
    return dict(rows.values_list("order_id", "pk"))


def unsettled_subscriptions(*, now: dt.datetime) -> list[uuid.UUID]:
    """Those of which Stripe may know more than we do, or has to be told something."""
    waiting = Q(state__in=[_State.STARTING, _State.OPEN])
    due = Q(state__in=RUNNING, period_end__lte=now) | Q(state=_State.PAST_DUE)
    wished = Q(stripe_id__isnull=False) & ~Q(wish="")
    undelivered = Q(invoices__state=_Invoice.PAID, invoices__order_id=None)
    owed = Q(invoices__state__in=[_Invoice.DRAFT, _Invoice.OPEN]) & ~Q(state=_State.ENDED)
    rows = Subscription.objects.filter(waiting | due | wished | undelivered | owed)
    return list(rows.order_by().distinct().values_list("pk", flat=True))
