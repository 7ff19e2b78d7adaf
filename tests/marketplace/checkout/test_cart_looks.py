"""Cart and presents in a real browser: two windows, double clicks, a small phone in the dark."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from marketplace.checkout.carting import UserCart, wish_for
from marketplace.licensing.queries import owns
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import reprice
from tests.marketplace.checkout.test_looks import fill_in
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import buy, make_person, make_seller, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def shop(stripe: Emulator, live_server: LiveServer, settings: Settings) -> str:
    """The shop's address, for pages and mails; its pages may post on to the emulator's."""
    policy = settings.CONTENT_SECURITY_POLICY
    directives = {**policy["DIRECTIVES"], "form-action": ["'self'", stripe.base]}
    settings.CONTENT_SECURITY_POLICY = {**policy, "DIRECTIVES": directives}
    settings.SITE_URL = str(live_server.url)
    return str(live_server.url)


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_cart_in_two_windows(chromium: Browser, shop: str, width: int, scheme: Any) -> None:
    ada = make_person()
    moon, sun = (
        sell(make_seller("달"), title="아주긴제목" * 12),
        sell(make_seller("해"), title="해"),
    )
    page = open_as(chromium, shop, ada, width, color_scheme=scheme)
    for listing in (moon, sun):
        page.goto(f"{shop}/l/{listing.pk}/")
        page.get_by_role("button", name="Add to cart").click()
        expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    check(page)
    late = page.context.new_page()
    late.goto(f"{shop}/cart/")
    reprice(sun, 12_000)
    page.reload()
    expect(page.get_by_text("It was ₩9,900 when you put it in.")).to_be_visible()
    check(page)

    late.get_by_role("button", name="Go to payment").click()
    expect(late.get_by_role("alert")).to_contain_text("Nothing was charged")
    page.get_by_role("button", name="Keep it for ₩12,000").click()
    page.get_by_role("button", name="Go to payment").dblclick()
    expect(page.get_by_text("Stripe emulator")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Your cart")).to_be_visible()
    page.get_by_role("button", name="Go to payment").click()
    fill_in(page, "4242 4242 4242 4242")

    expect(page.get_by_role("heading", name="Thank you. It is yours.")).to_be_visible()
    check(page)
    assert Payment.objects.get().amount_minor == 9_900 + 12_000
    page.goto(f"{shop}/cart/")
    expect(page.get_by_role("heading", name="Nothing in it yet")).to_be_visible()
    check(page)


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_present_from_the_button_to_the_library(
    chromium: Browser, shop: str, width: int, scheme: Any
) -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell(title="아주긴제목" * 12)
    page = open_as(chromium, shop, ada, width, color_scheme=scheme)

    page.goto(f"{shop}/l/{listing.pk}/")
    follow(page.get_by_role("link", name="Buy as a gift"))
    check(page)
    page.get_by_label("E-mail address of whoever gets it").fill("Long.Address@Example.org")
    page.get_by_label("A few words").fill("잘 지내?")
    page.get_by_role("button", name="Go to payment").click()
    fill_in(page, "4242 4242 4242 4242")
    expect(page.get_by_role("heading", name="Your present is on its way.")).to_be_visible()
    check(page)
    follow(page.get_by_role("link", name="See whether it has arrived"))
    check(page)

    body = next(str(m.body) for m in mail.outbox if m.to == ["long.address@example.org"])
    found = re.search(r"https?://\S+/presents/claim/\S+", body)
    assert found is not None
    friend = open_as(chromium, shop, eve, width, color_scheme=scheme)
    friend.goto(found[0])
    check(friend)
    friend.get_by_role("button", name="Take the present").dblclick()
    expect(friend.get_by_role("heading", name="Your library")).to_be_visible()

    assert owns(eve, listing.pk)
    page.reload()
    expect(page.get_by_text("It has arrived")).to_be_visible()
    check(page)


def test_what_is_owned_asks_in_the_cart(chromium: Browser, shop: str) -> None:
    ada, listing = make_person(), sell()
    page = open_as(chromium, shop, ada, SMALL_PHONE, color_scheme="dark")
    now = timezone.now()
    UserCart(ada).put(wish_for(listing, "", now=now), now=now)
    buy(ada, listing)

    page.goto(f"{shop}/cart/")

    expect(page.get_by_text("You own this already.")).to_be_visible()
    expect(page.get_by_role("link", name="Buy it as a present")).to_be_visible()
    check(page)
    page.goto(f"{shop}/buy/{listing.pk}/")
    check(page)
