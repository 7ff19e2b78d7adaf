"""Codes and credit wherever something is bought: bundles, presents, carts, named prices."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Listing
from marketplace.catalog.types import BundleDetails
from marketplace.checkout import services
from marketplace.core.money import Money
from marketplace.discounts.models import Redemption
from marketplace.orders.models import Bill, Order
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import client_of
from tests.marketplace.checkout.test_codes import code_for
from tests.marketplace.checkout.test_credit import credit_of, rich
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_seller, sell

pytestmark = pytest.mark.django_db
SAID = {"code": "byeol 2026", "credit": "1"}


def fields(page: str, *names: str) -> dict[str, list[str]]:
    """What the page's hidden fields of these names hold."""
    return {name: re.findall(f'name="{name}" value="([^"]*)"', page) for name in names}


def amounts() -> list[tuple[int, int]]:
    """Of each order what the code took off, and what credit pays; the cheapest first."""
    return list(
        Order.objects.order_by("price_minor", "pk").values_list("discount_minor", "credit_minor")
    )


def pay(stripe: Emulator) -> None:
    payment = Payment.objects.get()
    stripe.pay(payment.checkout_url)
    services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
    assert {order.state for order in Order.objects.all()} == {"paid"}
    assert [one.state for one in Redemption.objects.all()] == ["used"]


def look(client: Client, page: str) -> str:
    return client.get(page, SAID).content.decode()


def test_a_bundle(stripe: Emulator) -> None:
    ada, seller = rich(1_000), make_seller()
    listings = [sell(seller, title="하나"), sell(seller, title="둘")]
    details = BundleDetails(
        title="둘 다",
        description="",
        price=Money(10_000, "KRW"),
        listing_ids=tuple(listing.pk for listing in listings),
    )
    bundle = catalog.create_bundle(seller=seller, details=details)
    catalog.publish_bundle(bundle_id=bundle.pk, seller=seller, now=timezone.now())
    code_for(seller)
    client, page = client_of(ada), f"/bundles/{bundle.pk}/"

    applied = client.post(f"{page}buy/", {**SAID, "apply": "1"})
    assert applied["Location"] == f"{page}?code=byeol+2026&credit=1"
    shown = look(client, page)
    assert "−₩1,000" in shown
    assert "₩8,000" in shown
    client.post(f"{page}buy/", {**SAID, **fields(shown, "listing", "seen")})

    assert amounts() == [(500, 500), (500, 500)]
    assert (Payment.objects.get().amount_minor, credit_of(ada)) == (8_000, 0)
    pay(stripe)


def test_a_present(stripe: Emulator) -> None:
    ada, listing = rich(910), sell()
    code_for(listing.seller)
    client, page = client_of(ada), f"/gift/{listing.pk}/"

    shown = client.post(page, {**SAID, "apply": "1", "address": "eve@example.org"})
    text = shown.content.decode()
    assert 'value="eve@example.org"' in text  # what was typed is still there
    assert "₩8,000" in text
    assert Bill.objects.count() == 0
    client.post(
        page,
        {**SAID, "pay": "", "address": "eve@example.org", "seen": fields(text, "seen")["seen"]},
    )

    assert amounts() == [(990, 910)]
    assert Payment.objects.get().amount_minor == 8_000
    pay(stripe)


def test_a_cart_of_two_sellers(stripe: Emulator) -> None:
    ada, listing, other = rich(1_000), sell(), sell(title="남의 노래")
    code_for(listing.seller)
    client = client_of(ada)
    for one in (listing, other):
        page = client.get(f"/l/{one.pk}/").content.decode()
        client.post(f"/cart/add/{one.pk}/", fields(page, "seen"))

    applied = client.post("/cart/pay/", {**SAID, "apply": "1", "currency": "KRW"})
    shown = client.get(applied["Location"]).content.decode()
    assert "−₩990" in shown
    assert "₩17,810" in shown
    client.post("/cart/pay/", {**SAID, **fields(shown, "currency", "line")})

    assert [discount for discount, _ in amounts()] == [990, 0]
    assert sum(credit for _, credit in amounts()) == 1_000
    assert Payment.objects.get().amount_minor == 17_810
    pay(stripe)
    page = client.get(f"/bills/{Bill.objects.get().pk}/").content.decode()
    assert "The code BYEOL-2026 has taken off ₩990." in page
    assert "Paid with shop credit" in page


def test_where_the_buyer_names_the_price_a_code_means_nothing(stripe: Emulator) -> None:
    ada: User = rich(1_000)
    listing = sell()
    Listing.objects.filter(pk=listing.pk).update(pricing=Listing.Pricing.OPEN, suggested_minor=None)
    code_for(listing.seller)

    shown = look(client_of(ada), f"/buy/{listing.pk}/")

    assert 'name="code"' not in shown
    assert "Use my credit (₩1,000)" in shown
    assert "is not for what you are buying" not in shown
