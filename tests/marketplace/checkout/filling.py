"""A cart in a browser: filled, looked at, paid."""

from __future__ import annotations

import html
import re
from typing import Any, cast

from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.orders.models import CartItem
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.stripe_fixtures import GOOD, Emulator

__all__ = ["add", "in_cart", "item_of", "page_of", "pay_for", "press_pay", "shown_lines"]


def add(client: Client, listing: Listing, *, seen: str | None = None) -> HttpResponse:
    """Press “Add to cart” on the page of a listing."""
    token = terms_of(listing).token if seen is None else seen
    return cast("HttpResponse", client.post(f"/cart/add/{listing.pk}/", {"seen": token}))


def page_of(client: Client) -> str:
    """The cart's page as a person reads it."""
    return html.unescape(client.get("/cart/").content.decode())


def shown_lines(client: Client) -> list[str]:
    """What the cart's forms say of its lines, as the browser would send it."""
    return re.findall(r'name="line" value="([^"]*)"', client.get("/cart/").content.decode())


def press_pay(client: Client, *, currency: str = "KRW", lines: list[str] | None = None) -> Any:
    """Press the button of one currency; `lines` of a page that was opened earlier."""
    shown = shown_lines(client) if lines is None else lines
    return client.post("/cart/pay/", {"currency": currency, "line": shown})


def pay_for(stripe: Emulator, client: Client, *, currency: str = "KRW") -> Payment:
    """Go to the hosted page, pay there, and come back."""
    answer = press_pay(client, currency=currency)
    assert answer.status_code == 302, answer.content.decode()
    payment = Payment.objects.get(checkout_url=answer["Location"])
    assert stripe.pay(payment.checkout_url, GOOD).status_code == 303
    services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
    return payment


def in_cart(user: User) -> list[Listing]:
    return [item.listing for item in CartItem.objects.filter(cart_id=user.pk)]


def item_of(user: User, listing: Listing) -> CartItem:
    return CartItem.objects.get(cart_id=user.pk, listing=listing)
