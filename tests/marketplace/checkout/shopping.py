"""A buyer at the checkout, with the real pages, the real SDK and the real emulator."""

from __future__ import annotations

import re
from typing import Any, cast

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.licensing.queries import owns
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.stripe_fixtures import GOOD, Emulator, signed

__all__ = [
    "begin", "bought", "client_of", "deliver", "order_of", "payment_of", "press", "reprice",
    "settle", "snapshot",
]  # fmt: skip


def client_of(user: User) -> Client:
    return browser_of(user)


def press(client: Client, listing: Listing, *, seen: str | None = None) -> HttpResponse:
    """Open the buy page and press its button."""
    if seen is None:
        page = client.get(f"/buy/{listing.pk}/").content.decode()
        found = re.search(r'name="seen" value="([^"]*)"', page)
        seen = found[1] if found else ""
    return cast("HttpResponse", client.post(f"/buy/{listing.pk}/", {"seen": seen}))


def begin(user: User, listing: Listing) -> Payment:
    """A purchase as far as the hosted page."""
    started = services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=listing.pk, seen=terms_of(listing).token)],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    return Payment.objects.get(bill_id=started.bill.pk)


def bought(stripe: Emulator, user: User, listing: Listing, *, card: str = GOOD) -> Order:
    """A purchase that is paid and settled."""
    payment = begin(user, listing)
    assert stripe.pay(payment.checkout_url, card).status_code == 303
    return settle(payment)


def settle(payment: Payment) -> Order:
    """Ask Stripe how the payment of a bill of one order stands, and follow it."""
    services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
    return order_of(payment)


def deliver(event: dict[str, Any], **how: Any) -> HttpResponse:
    """Post an event to the webhook as Stripe does."""
    return cast("HttpResponse", Client().post("/webhooks/stripe/", **signed(event, **how)))


def order_of(payment: Payment) -> Order:
    return Order.objects.get(bill_id=payment.bill_id)


def payment_of(order: Order) -> Payment:
    return Payment.objects.get(bill_id=order.bill_id)


def reprice(listing: Listing, minor: int) -> None:
    Listing.objects.filter(pk=listing.pk).update(price_minor=minor)
    listing.refresh_from_db()


def snapshot(user: User, listing: Listing, order: Order) -> tuple[str, str, bool]:
    """The three things that must agree: order, payment, access."""
    order.refresh_from_db()
    return order.state, payment_of(order).state, owns(user, listing.pk)
