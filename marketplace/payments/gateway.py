"""Sessions, refunds and events at Stripe: our words in, small frozen snapshots out.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import stripe
from django.conf import settings

from marketplace.payments.errors import (
    RefundRefusedError,
    SessionNotOpenError,
    WebhookSignatureError,
)
from marketplace.payments.stripe_client import API_VERSION, client, our_errors
from marketplace.payments.tax_fields import INCLUSIVE, buyer_of, tax_params
from marketplace.payments.types import (
    ChargeSnapshot,
    Destination,
    EventNotice,
    Item,
    RefundSnapshot,
    SessionSnapshot,
)

__all__ = [
    "API_VERSION",
    "create_refund",
    "create_session",
    "expire_session",
    "find_session",
    "list_events",
    "list_refunds",
    "read_event",
    "retrieve_session",
]

SIGNATURE_TOLERANCE = 300  # seconds
_CHARGE = "payment_intent.latest_charge.balance_transaction"


def create_session(
    *,
    payment_id: uuid.UUID,
    items: Sequence[Item],
    email: str,
    success_url: str,
    cancel_url: str,
    expires_at: dt.datetime,
    destination: Destination | None = None,
) -> SessionSnapshot:
    """Open the hosted page for one payment; asked again, the same page.

    With a `destination` its money goes on to that account, less the fee. Raises PaymentsUnavailableError, PaymentRefusedError.
    """
    reference = str(payment_id)
    lines = [
        {
            "quantity": 1,
            "price_data": {
                "currency": item.amount.currency.lower(),
                "unit_amount": item.amount.minor,
                "tax_behavior": INCLUSIVE,
                "product_data": {"name": item.title},
            },
        }
        for item in items
    ]
    params: Any = {
        "mode": "payment",
        "client_reference_id": reference,
        "customer_email": email,
        "line_items": lines,
        "metadata": {"payment": reference},
        "payment_intent_data": {"metadata": {"payment": reference}, **_sent_on(destination)},
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(expires_at.timestamp()),
        "expand": [_CHARGE],
        **tax_params(),
    }
    with our_errors():
        session = client().v1.checkout.sessions.create(
            params, {"idempotency_key": f"payment-{reference}"}
        )
    return _session(session)


def _sent_on(destination: Destination | None) -> dict[str, Any]:
    """A destination charge: the platform stays the merchant (no on_behalf_of)."""
    if destination is None:
        return {}
    return {
        "application_fee_amount": destination.fee_minor,
        "transfer_data": {"destination": destination.account_id},
    }


def retrieve_session(session_id: str) -> SessionSnapshot:
    """The session as it is now. Raises PaymentsUnavailableError, PaymentRefusedError."""
    with our_errors():
        session = client().v1.checkout.sessions.retrieve(session_id, {"expand": [_CHARGE]})
    return _session(session)


def find_session(intent_id: str) -> SessionSnapshot | None:
    """The session that a payment intent belongs to, if it belongs to one."""
    with our_errors():
        found = client().v1.checkout.sessions.list(
            {"payment_intent": intent_id, "limit": 1, "expand": [f"data.{_CHARGE}"]}
        )
    return _session(found.data[0]) if found.data else None


def expire_session(session_id: str) -> None:
    """Close the hosted page. Raises SessionNotOpenError where it is paid or expired already."""
    with our_errors(SessionNotOpenError):
        client().v1.checkout.sessions.expire(session_id)


def create_refund(*, refund_id: uuid.UUID, intent_id: str, amount_minor: int) -> RefundSnapshot:
    """Give money back; asked again with the same `refund_id`, the same refund.

    Raises PaymentsUnavailableError, RefundRefusedError.
    """
    with our_errors(RefundRefusedError):
        refund = client().v1.refunds.create(
            {
                "payment_intent": intent_id,
                "amount": amount_minor,
                "reason": "requested_by_customer",
                "metadata": {"refund": str(refund_id)},
            },
            {"idempotency_key": f"refund-{refund_id}"},
        )
    return _refund(refund)


def list_refunds(intent_id: str) -> list[RefundSnapshot]:
    """Every refund of a payment, also those made at Stripe's own dashboard."""
    with our_errors():
        found = client().v1.refunds.list({"payment_intent": intent_id, "limit": 100})
        return [_refund(refund) for refund in found.auto_paging_iter()]


def read_event(*, payload: bytes, signature: str) -> EventNotice:
    """Check that Stripe sent this body, lately, and say what it is about.

    Raises WebhookSignatureError.
    """
    # Events of sellers' accounts come by an endpoint of their own at Stripe, which signs with
    # a secret of its own. An empty secret would make every forgery valid.
    secrets = [settings.STRIPE_WEBHOOK_SECRET, settings.STRIPE_CONNECT_WEBHOOK_SECRET]
    refusal: Exception | None = None
    for secret in filter(None, secrets):
        try:
            event = stripe.Webhook.construct_event(
                payload, signature, secret, tolerance=SIGNATURE_TOLERANCE
            )
        except (stripe.SignatureVerificationError, ValueError, AttributeError) as error:
            refusal = error
        else:
            return _notice(event.to_dict())
    if refusal is None:
        raise WebhookSignatureError("The webhook's secret is not set (STRIPE_WEBHOOK_SECRET).")
    raise WebhookSignatureError(
        "The signature does not match this body, or it is older than five minutes."
    ) from refusal


def list_events(*, since: dt.datetime) -> list[EventNotice]:
    """What happened at Stripe since then, the oldest first. Stripe knows the last 30 days.

    Raises PaymentsUnavailableError.
    """
    with our_errors():
        found = client().v1.events.list({"created": {"gte": int(since.timestamp())}, "limit": 100})
        notices = [_notice(event.to_dict()) for event in found.auto_paging_iter()]
    return notices[::-1]


_NAMED = frozenset({"account", "checkout.session", "payment_intent", "payout", "subscription"})


def _notice(event: dict[str, Any]) -> EventNotice:
    data = event.get("data") or {}
    about: dict[str, Any] = data.get("object") or {}
    named = about.get("object") in _NAMED
    object_id = about.get("id") if named else about.get("payment_intent")
    if about.get("object") == "invoice":
        parent = about.get("parent") or {}
        object_id = (parent.get("subscription_details") or {}).get("subscription")
    event_id, kind = event.get("id"), event.get("type")
    if not isinstance(event_id, str) or not isinstance(kind, str):
        raise WebhookSignatureError("The body is signed, but it is no event.")
    return EventNotice(
        id=event_id,
        type=kind,
        object_id=object_id if isinstance(object_id, str) else "",
        reference=str(about.get("client_reference_id") or ""),
    )


def _session(session: stripe.checkout.Session) -> SessionSnapshot:
    intent = session.payment_intent
    assert not isinstance(intent, str), "the intent is expanded in every call"
    totals = session.total_details
    country, tax_id = buyer_of(session.customer_details)
    return SessionSnapshot(
        id=session.id,
        status=session.status or "",
        paid=session.payment_status == "paid",
        url=session.url or "",
        amount_minor=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        reference=session.client_reference_id or "",
        intent_id=intent.id if intent else None,
        intent_status=intent.status if intent else None,
        charge=_charge(intent.latest_charge) if intent else None,
        tax_minor=totals.amount_tax if totals else 0,
        buyer_country=country,
        buyer_tax_id=tax_id,
    )


def _charge(charge: stripe.Charge | str | None) -> ChargeSnapshot | None:
    if charge is None or isinstance(charge, str):
        return None
    booked = charge.balance_transaction
    if booked is None or isinstance(booked, str):
        return ChargeSnapshot(charge.id, "", None)
    return ChargeSnapshot(charge.id, booked.id, booked.fee)


def _refund(refund: stripe.Refund) -> RefundSnapshot:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return RefundSnapshot(
        id=refund.id,
        amount_minor=refund.amount,
        status=refund.status or "pending",
        failure=getattr(refund, "failure_reason", None) or "",
        ours=metadata.get("refund"),
        transaction_id=_id(refund.balance_transaction),
        failure_transaction_id=_id(getattr(refund, "failure_balance_transaction", None)),
    )


def _id(found: stripe.BalanceTransaction | str | None) -> str:
    return found if isinstance(found, str) else found.id if found else ""
