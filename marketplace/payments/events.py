"""The inbox of Stripe's events: each is kept once, by its id, until it was acted on."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db.models import F

from marketplace.payments import gateway
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.types import SessionSnapshot

__all__ = ["bill_of_event", "event", "event_failed", "event_processed", "receive_event"]

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
