"""Levers on the disputes of a test's purchases."""

from __future__ import annotations

from typing import Any

from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.orders.models import Order
from marketplace.payments.models import Dispute
from tests.marketplace.checkout.shopping import deliver, payment_of
from tests.marketplace.stripe_fixtures import Emulator

__all__ = [
    "PDF",
    "charge_of",
    "deliver_all",
    "dispute_events",
    "follow",
    "open_dispute",
    "operator",
]

PDF = b"%PDF-1.7\n" + bytes(range(256)) + b"\r\n%%EOF\r\n"


def charge_of(order: Order) -> str:
    charge = payment_of(order).charge_id
    assert charge
    return charge


def open_dispute(stripe: Emulator, order: Order, **how: Any) -> Dispute:
    """The buyer questions the payment of `order`, and the shop has heard of it."""
    stripe.hook("disputes", charge=charge_of(order), **how)
    follow(order)
    return Dispute.objects.filter(payment__bill_id=order.bill_id).order_by("-opened_at")[0]


def follow(order: Order) -> Order:
    services.follow_disputes(bill_id=order.bill_id, now=timezone.now())
    order.refresh_from_db()
    return order


def dispute_events(stripe: Emulator, order: Order) -> list[dict[str, Any]]:
    """What Stripe has told of the order's disputes, the oldest first."""
    about = {"charge": charge_of(order)}
    kinds = ("created", "funds_withdrawn", "updated", "funds_reinstated", "closed")
    events = [e for kind in kinds for e in stripe.events(f"charge.dispute.{kind}", **about)]
    return sorted(events, key=lambda event: kinds.index(event["type"].rpartition(".")[2]))


def operator() -> User:
    return User.objects.create_user("op@example.org", "x", is_staff=True)


def deliver_all(events: list[dict[str, Any]]) -> list[int]:
    return [deliver(event).status_code for event in events]
