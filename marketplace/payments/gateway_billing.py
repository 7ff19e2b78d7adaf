"""Subscriptions and their invoices at Stripe: our words in, small frozen snapshots out.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import stripe

from marketplace.payments.errors import SessionNotOpenError, SubscriptionEndedError
from marketplace.payments.stripe_client import client, our_errors
from marketplace.payments.subscription_types import (
    InvoiceSnapshot,
    Offer,
    PageSnapshot,
    SubscriptionSnapshot,
)
from marketplace.payments.tax_fields import INCLUSIVE, tax_params
from marketplace.payments.types import ChargeSnapshot

__all__ = [
    "charge_of_intent",
    "close_page",
    "create_page",
    "end_now",
    "keep_card_on_payment",
    "list_invoices",
    "retrieve_page",
    "retrieve_subscription",
    "set_cancel_at_period_end",
]


def create_page(
    *,
    subscription_id: uuid.UUID,
    offer: Offer,
    email: str,
    success_url: str,
    cancel_url: str,
    expires_at: dt.datetime,
) -> PageSnapshot:
    """Open the hosted page that begins a subscription; asked again, the same page.

    Raises PaymentsUnavailableError, PaymentRefusedError.
    """
    reference = str(subscription_id)
    price = {
        "currency": offer.amount.currency.lower(),
        "unit_amount": offer.amount.minor,
        "tax_behavior": INCLUSIVE,
        "recurring": {"interval": offer.interval},
        "product_data": {"name": offer.title},
    }
    params: Any = {
        "mode": "subscription",
        "client_reference_id": reference,
        "customer_email": email,
        "line_items": [{"quantity": 1, "price_data": price}],
        "metadata": {"subscription": reference},
        "subscription_data": {"metadata": {"subscription": reference}},
        "success_url": success_url,
        "cancel_url": cancel_url,
        "expires_at": int(expires_at.timestamp()),
        **tax_params(),
    }
    with our_errors():
        session = client().v1.checkout.sessions.create(
            params, {"idempotency_key": f"subscription-{reference}"}
        )
    return _page(session)


def retrieve_page(session_id: str) -> PageSnapshot:
    """The hosted page as it is now."""
    with our_errors():
        return _page(client().v1.checkout.sessions.retrieve(session_id))


def close_page(session_id: str) -> None:
    """Raises SessionNotOpenError where it is paid or expired already."""
    with our_errors(SessionNotOpenError):
        client().v1.checkout.sessions.expire(session_id)


def retrieve_subscription(stripe_id: str) -> SubscriptionSnapshot:
    """The subscription as it is now."""
    with our_errors():
        return _subscription(client().v1.subscriptions.retrieve(stripe_id))


def list_invoices(stripe_id: str) -> list[InvoiceSnapshot]:
    """Every invoice of a subscription, the oldest first."""
    with our_errors():
        found = client().v1.invoices.list(
            {"subscription": stripe_id, "limit": 100, "expand": ["data.payments"]}
        )
        return [_invoice(invoice) for invoice in found.auto_paging_iter()][::-1]


def set_cancel_at_period_end(stripe_id: str, *, ends: bool) -> None:
    """Raises SubscriptionEndedError where it is over already."""
    with our_errors(SubscriptionEndedError):
        client().v1.subscriptions.update(stripe_id, {"cancel_at_period_end": ends})


def end_now(stripe_id: str) -> None:
    """Charge nothing any more. Raises SubscriptionEndedError where it is over already."""
    with our_errors(SubscriptionEndedError):
        client().v1.subscriptions.cancel(stripe_id)


def keep_card_on_payment(stripe_id: str) -> None:
    """Let the card that pays the next invoice by hand be the one that is charged from then on.

    Raises SubscriptionEndedError.
    """
    with our_errors(SubscriptionEndedError):
        client().v1.subscriptions.update(
            stripe_id, {"payment_settings": {"save_default_payment_method": "on_subscription"}}
        )


def charge_of_intent(intent_id: str) -> ChargeSnapshot | None:
    """The charge that paid an invoice; None where none has succeeded."""
    with our_errors():
        intent = client().v1.payment_intents.retrieve(
            intent_id, {"expand": ["latest_charge.balance_transaction"]}
        )
    charge = intent.latest_charge
    if intent.status != "succeeded" or charge is None or isinstance(charge, str):
        return None
    booked = charge.balance_transaction
    if booked is None or isinstance(booked, str):
        return ChargeSnapshot(charge.id, "", None)
    return ChargeSnapshot(charge.id, booked.id, booked.fee)


def _page(session: stripe.checkout.Session) -> PageSnapshot:
    return PageSnapshot(
        id=session.id,
        status=session.status or "",
        url=session.url or "",
        amount_minor=session.amount_total or 0,
        currency=(session.currency or "").upper(),
        reference=session.client_reference_id or "",
        subscription_id=_id(session.subscription),
    )


def _subscription(found: stripe.Subscription) -> SubscriptionSnapshot:
    metadata = found.metadata.to_dict()
    return SubscriptionSnapshot(
        id=found.id,
        status=found.status,
        reference=metadata.get("subscription", ""),
        period_end=_time(max(item.current_period_end for item in found.items.data)),
        # Stripe's own dashboard may also set a date; that is the same to the buyer.
        cancel_at_period_end=found.cancel_at_period_end or found.cancel_at is not None,
        ended_at=None if found.ended_at is None else _time(found.ended_at),
    )


def _invoice(found: stripe.Invoice) -> InvoiceSnapshot:
    # The invoice's own period looks back; what is paid for stands in its line.
    period = found.lines.data[0].period
    attempt = found.next_payment_attempt
    payments = found.payments.data if found.payments else []
    intents = [_id(payment.payment.payment_intent) for payment in payments]
    return InvoiceSnapshot(
        id=found.id,
        number=found.number or "",
        status=found.status or "draft",
        amount_minor=found.total,
        currency=found.currency.upper(),
        tax_minor=sum(tax.amount for tax in found.total_taxes or []),
        buyer_country=(found.customer_address.country if found.customer_address else "") or "",
        buyer_tax_id=next((tax.value or "" for tax in found.customer_tax_ids or []), ""),
        period_start=_time(period.start),
        period_end=_time(period.end),
        next_attempt_at=None if attempt is None else _time(attempt),
        page_url=found.hosted_invoice_url or "",
        intent_id=next((intent for intent in intents if intent), ""),
    )


def _time(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def _id(found: Any) -> str | None:
    if found is None or isinstance(found, str):
        return found
    named: str = found.id
    return named
