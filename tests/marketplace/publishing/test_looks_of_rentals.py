"""A rental in real browsers: offered by its seller, read by its buyer, and over."""

from __future__ import annotations

import os
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms
from marketplace.licensing.models import Entitlement
from tests.marketplace.looks import SMALL_PHONE, check, open_as
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

RENTAL = SaleTerms(rental_hours=48, start_days=30, plays=3)


def _keep(page: Page, name: str) -> None:
    """A picture of the page, where SHOTS names a folder for them."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_seller_offers_a_rental_by_keyboard(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    listing = sell()
    Listing.objects.update(status="draft")
    page = open_as(chromium, live_server.url, listing.seller, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/studio/{listing.pk}/files/")

    expect(page.get_by_label("Hours to play")).to_be_hidden()
    expect(page.get_by_label("Days of a loan")).to_be_visible()
    _keep(page, f"offer-play-{width}")
    page.get_by_label("Play: the files open").focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")

    expect(page.get_by_label("Hours to play")).to_have_value("48")
    expect(page.get_by_label("Days of a loan")).to_be_hidden()
    expect(page.get_by_text("96 hours at most")).to_be_visible()
    _keep(page, f"offer-rent-{width}")
    check(page)
    page.get_by_label("Days to begin").fill("")
    page.get_by_role("button", name="Publish").click()
    expect(page.get_by_text("within how many days")).to_be_visible()
    check(page)
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_buyer_reads_of_a_rental(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    page = open_as(chromium, live_server.url, ada, width, color_scheme=scheme)
    for name, address in (("listing", "l"), ("buy", "buy")):
        page.goto(f"{live_server.url}/{address}/{listing.pk}/")
        expect(page.get_by_text("48 hours from your first play").first).to_be_visible()
        check(page)
        _keep(page, f"{name}-{width}")

    buy(ada, listing)
    page.goto(f"{live_server.url}/library/")
    expect(page.get_by_text("Not started")).to_be_visible()
    check(page)
    _keep(page, f"waiting-{width}")
    Entitlement.objects.update(first_play_at=timezone.now(), expires_at=timezone.now())
    page.reload()
    expect(page.get_by_role("link", name="Rent it again")).to_be_visible()
    check(page)
    _keep(page, f"over-{width}")
    page.context.close()
