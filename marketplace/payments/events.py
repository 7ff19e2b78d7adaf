"""The inbox of Stripe's events: each is kept once, by its id, until it was acted on."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import F, Min, QuerySet

from marketplace.payments import gateway
from marketplace.payments.connect_models import ConnectedAccount
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.subscription_models import Subscription
from marketplace.payments.types import EventNotice, SessionSnapshot

__all__ = [
    "bill_of_event",
    "event",
    "event_failed",
    "event_processed",
    "fetch_events",
    "receive_event",
]

SKEW = dt.timedelta(minutes=1)  # by which Stripe's clock may be behind ours

# What may change a bill's payment. Stripe sends more; the rest is kept and answered with 200.
_RELEVANT = frozenset(
    {
        "charge.dispute.closed",
        "charge.dispute.created",
        "charge.dispute.funds_reinstated",
        "charge.dispute.funds_withdrawn",
        "charge.dispute.updated",
        "charge.refund.updated",
        "charge.refunded",
        "charge.updated",
        "checkout.session.async_payment_failed",
        "checkout.session.async_payment_succeeded",
        "checkout.session.completed",
        "checkout.session.expired",
        "refund.created",
        "refund.failed",
        "refund.updated",
    }
)


def receive_event(*, payload: bytes, signature: str) -> StripeEvent:
    """Check the signature over the raw body and keep the event. Raises WebhookSignatureError."""
    notice = gateway.read_event(payload=payload, signature=signature)
    received, _created = StripeEvent.objects.get_or_create(
        event_id=notice.id, defaults={"type": notice.type, "object_id": notice.object_id}
    )
    return received


def fetch_events(*, since: dt.datetime) -> int:
    """Keep the events since then that never arrived and are about something of ours.

    Returns how many those were. Raises PaymentsUnavailableError.
    """
    since = _not_before_us(since)
    told = _ours([n for n in gateway.list_events(since=since) if _matters(n.type)])
    known = StripeEvent.objects.filter(pk__in=[notice.id for notice in told])
    arrived = set(known.values_list("pk", flat=True))
    missing = [notice for notice in told if notice.id not in arrived]
    StripeEvent.objects.bulk_create(
        (StripeEvent(event_id=n.id, type=n.type, object_id=n.object_id) for n in missing),
        ignore_conflicts=True,  # one of them arrives in this moment
    )
    return len(missing)


def _not_before_us(since: dt.datetime) -> dt.datetime:
    """`since`, or the moment before this shop's first payment: nothing about it is older."""
    tables = (Payment.objects, Subscription.objects)
    firsts = [table.aggregate(at=Min("created_at"))["at"] for table in tables]
    begun: list[dt.datetime] = [at for at in firsts if at is not None]
    if not begun or ConnectedAccount.objects.exists():
        return since
    return max(since, min(begun) - SKEW)


def _ours(notices: Sequence[EventNotice]) -> list[EventNotice]:
    """Those about a payment, a subscription or an account of this shop."""
    about = {notice.object_id for notice in notices if notice.object_id}
    rows = [
        (Payment.objects.all(), "session_id"),
        (Payment.objects.all(), "payment_intent_id"),
        (Subscription.objects.all(), "session_id"),
        (Subscription.objects.all(), "stripe_id"),
        (ConnectedAccount.objects.all(), "account_id"),
    ]
    known: set[str] = set()
    for row, name in rows:
        found: QuerySet[Any] = row
        known |= set(found.filter(**{f"{name}__in": about}).values_list(name, flat=True))
    # A session of ours whose name was lost on the way says itself which payment it is for.
    named = {notice.reference for notice in notices if notice.reference}
    unnamed = Payment.objects.filter(session_id=None).values_list("pk", flat=True)
    lost = named & {str(pk) for pk in unnamed}
    return [n for n in notices if n.object_id in known or n.reference in lost]


def _matters(kind: str) -> bool:
    return kind in _RELEVANT or kind.startswith(("account.", "customer.subscription.", "invoice."))


def event(event_id: str) -> StripeEvent:
    """An event of the inbox."""
    return StripeEvent.objects.get(pk=event_id)


def bill_of_event(received: StripeEvent) -> uuid.UUID | None:
    """The bill that an event is about; None where it is about nothing of ours.

    It may have to ask Stripe: a refund can be heard of before the payment's intent is
    known here. Raises PaymentsUnavailableError.
    """
    about = received.object_id
    if received.type not in _RELEVANT or not about:
        return None
    known = (
        Payment.objects.filter(session_id=about).first()
        or Payment.objects.filter(payment_intent_id=about).first()
    )
    if known is not None:
        return known.bill_id
    session = (
        gateway.retrieve_session(about)
        if received.type.startswith("checkout.session.")
        else gateway.find_session(about)
    )
    return _bill_of_session(session)


def _bill_of_session(session: SessionSnapshot | None) -> uuid.UUID | None:
    """The bill of a session that our rows do not name, by the reference that we gave it."""
    try:
        reference = uuid.UUID(session.reference) if session else None
    except ValueError:
        return None
    payment = Payment.objects.filter(pk=reference).first() if reference else None
    if payment is None or session is None:
        return None
    # The answer that named the session was lost; from here on the row knows it.
    Payment.objects.filter(pk=payment.pk, session_id=None).update(session_id=session.id)
    return payment.bill_id


def event_processed(event_id: str, *, now: dt.datetime) -> None:
    """It was acted on, or there was nothing to do."""
    StripeEvent.objects.filter(pk=event_id).update(
        processed_at=now, attempts=F("attempts") + 1, last_error=""
    )


def event_failed(event_id: str, why: str) -> None:
    """It could not be acted on; Stripe will send it again."""
    StripeEvent.objects.filter(pk=event_id).update(
        attempts=F("attempts") + 1, last_error=why[:2000]
    )
