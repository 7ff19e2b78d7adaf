"""The checkout in a real browser: from the button over Stripe's page to the receipt."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from marketplace.orders.models import Order
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.stripe_fixtures import DECLINED, Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(stripe: Emulator, live_server: LiveServer, settings: Settings) -> str:
    """The shop's address; its pages may post on to the emulator's, as in the sandbox."""
    policy = settings.CONTENT_SECURITY_POLICY
    directives = {**policy["DIRECTIVES"], "form-action": ["'self'", stripe.base]}
    settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": directives}
    return str(live_server.url)


def fill_in(page: Page, card: str) -> None:
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name="Pay").click()


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_buyer_and_a_seller_in_their_browsers(
    chromium: Browser, shop: str, width: int, scheme: Any
) -> None:
    ada, listing = make_person(), sell(title="아주긴제목" * 12, may_save=True)
    page = open_as(chromium, shop, ada, width, color_scheme=scheme)
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))

    page.goto(f"{shop}/buy/{listing.pk}/")
    check(page)
    page.get_by_role("button", name="Go to payment").click()
    expect(page.get_by_text("Stripe emulator")).to_be_visible()
    check(page)
    fill_in(page, DECLINED)
    expect(page.get_by_role("alert")).to_have_text("Your card was declined.")
    fill_in(page, "4242 4242 4242 4242")
    expect(page.get_by_role("heading", name="Thank you. It is yours.")).to_be_visible()
    check(page)

    seller = open_as(chromium, shop, listing.seller, width, color_scheme=scheme)
    seller.goto(f"{shop}/studio/sales/")
    check(seller)
    follow(seller.get_by_role("link", name="Refund…"))
    check(seller)
    seller.get_by_role("button", name="Refund", exact=True).click()
    expect(seller.get_by_text("went back, and the buyer's access has ended")).to_be_visible()
    page.reload()
    expect(page.get_by_role("heading", name="Refunded")).to_be_visible()
    check(page)
    # 402 is the declined card's page; the server of the tests has no WebSockets.
    assert [text for text in refused if "402" not in text and "WebSocket" not in text] == []


def test_a_waiting_page_turns_into_the_receipt_by_itself(
    chromium: Browser, stripe: Emulator, shop: str
) -> None:
    ada, listing = make_person(), sell()
    page = open_as(chromium, shop, ada, 1280)
    page.goto(f"{shop}/buy/{listing.pk}/")
    page.get_by_role("button", name="Go to payment").click()
    page.get_by_label("Bank transfer (the money arrives a little later)").check()
    expect(page.get_by_label("Card number")).to_be_hidden()
    page.get_by_role("button", name="Pay").click()
    expect(page.get_by_role("heading", name="Your payment is on its way")).to_be_visible()
    check(page)

    session = stripe.events("checkout.session.completed")[-1]["data"]["object"]["id"]
    stripe.hook(f"settle/{session}", succeeds=True)

    expect(page.get_by_role("heading", name="Thank you. It is yours.")).to_be_visible(timeout=8000)
    assert Order.objects.get().state == "paid"
