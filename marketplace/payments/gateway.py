"""The only module that knows Stripe's SDK: our words in, small frozen snapshots out.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import functools
import logging
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import requests
import stripe
from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.core.money import Money
from marketplace.payments.errors import (
    PaymentRefusedError,
    PaymentsUnavailableError,
    RefundRefusedError,
    SessionNotOpenError,
    WebhookSignatureError,
)
from marketplace.payments.types import EventNotice, RefundSnapshot, SessionSnapshot

__all__ = [
    "API_VERSION",
    "create_refund",
    "create_session",
    "expire_session",
    "find_session",
    "list_refunds",
    "read_event",
    "retrieve_session",
]

logger = logging.getLogger(__name__)

API_VERSION = "2026-10-28.endive"  # pinned: a new SDK must not change what we are told
TIMEOUT = (5.0, 25.0)  # seconds to connect, and between two reads
RETRIES = 2  # the SDK repeats with the same idempotency key
SIGNATURE_TOLERANCE = 300  # seconds
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


def create_session(
    *,
    payment_id: uuid.UUID,
    amount: Money,
    title: str,
    email: str,
    success_url: str,
    cancel_url: str,
    expires_at: dt.datetime,
) -> SessionSnapshot:
    """Open the hosted page for one payment; asked again, the same page.

    Raises PaymentsUnavailableError, PaymentRefusedError.
    """
    reference = str(payment_id)
    with _our_errors():
        session = _client().v1.checkout.sessions.create(
            {
                "mode": "payment",
                "client_reference_id": reference,
                "customer_email": email,
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": amount.currency.lower(),
                            "unit_amount": amount.minor,
                            "product_data": {"name": title},
                        },
                    }
                ],
                "metadata": {"payment": reference},
                "payment_intent_data": {"metadata": {"payment": reference}},
                "success_url": success_url,
                "cancel_url": cancel_url,
                "expires_at": int(expires_at.timestamp()),
                "expand": ["payment_intent"],
            },
            {"idempotency_key": f"payment-{reference}"},
        )
    return _session(session)


def retrieve_session(session_id: str) -> SessionSnapshot:
    """The session as it is now. Raises PaymentsUnavailableError, PaymentRefusedError."""
    with _our_errors():
        session = _client().v1.checkout.sessions.retrieve(
            session_id, {"expand": ["payment_intent"]}
        )
    return _session(session)


def find_session(intent_id: str) -> SessionSnapshot | None:
    """The session that a payment intent belongs to, if it belongs to one."""
    with _our_errors():
        found = _client().v1.checkout.sessions.list(
            {"payment_intent": intent_id, "limit": 1, "expand": ["data.payment_intent"]}
        )
    return _session(found.data[0]) if found.data else None


def expire_session(session_id: str) -> None:
    """Close the hosted page. Raises SessionNotOpenError where it is paid or expired already."""
    with _our_errors(SessionNotOpenError):
        _client().v1.checkout.sessions.expire(session_id)


def create_refund(*, refund_id: uuid.UUID, intent_id: str, amount_minor: int) -> RefundSnapshot:
    """Give money back; asked again with the same `refund_id`, the same refund.

    Raises PaymentsUnavailableError, RefundRefusedError.
    """
    with _our_errors(RefundRefusedError):
        refund = _client().v1.refunds.create(
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
    with _our_errors():
        found = _client().v1.refunds.list({"payment_intent": intent_id, "limit": 100})
        return [_refund(refund) for refund in found.auto_paging_iter()]


def read_event(*, payload: bytes, signature: str) -> EventNotice:
    """Check that Stripe sent this body, lately, and say what it is about.

    Raises WebhookSignatureError.
    """
    secret: str = settings.STRIPE_WEBHOOK_SECRET
    if not secret:
        # An empty secret would make every forgery valid.
        raise WebhookSignatureError("The webhook's secret is not set (STRIPE_WEBHOOK_SECRET).")
    try:
        event = stripe.Webhook.construct_event(
            payload, signature, secret, tolerance=SIGNATURE_TOLERANCE
        )
    except (stripe.SignatureVerificationError, ValueError, AttributeError) as error:
        raise WebhookSignatureError(
            "The signature does not match this body, or it is older than five minutes."
        ) from error
    return _notice(event.to_dict())


def _notice(event: dict[str, Any]) -> EventNotice:
    data = event.get("data") or {}
    about: dict[str, Any] = data.get("object") or {}
    named = about.get("object") in ("checkout.session", "payment_intent")
    object_id = about.get("id") if named else about.get("payment_intent")
    event_id, kind = event.get("id"), event.get("type")
    if not isinstance(event_id, str) or not isinstance(kind, str):
        raise WebhookSignatureError("The body is signed, but it is no event.")
    return EventNotice(event_id, kind, object_id if isinstance(object_id, str) else "")


def _session(session: stripe.checkout.Session) -> SessionSnapshot:
    intent = session.payment_intent
    assert not isinstance(intent, str), "the intent is expanded in every call"
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
    )


def _refund(refund: stripe.Refund) -> RefundSnapshot:
    metadata = refund.metadata.to_dict() if refund.metadata else {}
    return RefundSnapshot(
        id=refund.id,
        amount_minor=refund.amount,
        status=refund.status or "pending",
        failure=getattr(refund, "failure_reason", None) or "",
        ours=metadata.get("refund"),
    )


def _client() -> stripe.StripeClient:
    return _client_for(settings.STRIPE_SECRET_KEY, settings.STRIPE_API_BASE)


@functools.lru_cache(maxsize=4)
def _client_for(key: str, base: str) -> stripe.StripeClient:
    if not key:
        raise PaymentsUnavailableError(
            _("This shop cannot take payments yet: its operator has not set a Stripe key.")
        )
    session = requests.Session()
    # A proxy of this machine's environment leads outside; the emulator is inside.
    session.trust_env = urlsplit(base).hostname not in _LOOPBACK
    return stripe.StripeClient(
        key,
        stripe_version=API_VERSION,
        base_addresses={"api": base} if base else None,
        max_network_retries=RETRIES,
        http_client=stripe.RequestsClient(timeout=TIMEOUT, session=session),
    )


@contextlib.contextmanager
def _our_errors(refused: type[PaymentRefusedError] = PaymentRefusedError) -> Iterator[None]:
    try:
        yield
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        logger.exception("Stripe does not accept this shop's key")
        raise PaymentsUnavailableError(
            _(
                "Payments are out of order: Stripe does not accept this shop's key. Nothing was taken."
            )
        ) from error
    except (stripe.InvalidRequestError, stripe.IdempotencyError, stripe.CardError) as error:
        logger.warning("Stripe refused: %s", error)
        raise refused(
            _("Stripe refused: %(reason)s") % {"reason": error.user_message or error.code},
            stripe_code=error.code,
        ) from error
    except stripe.StripeError as error:
        logger.warning("Stripe is not available: %s", error)
        raise PaymentsUnavailableError(
            _(
                "The payment service does not answer. Try again in a minute:"
                " nothing is charged twice."
            )
        ) from error
