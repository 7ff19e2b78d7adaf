"""Prices, sales and bundles in real browsers: made by their seller, read and paid by a buyer."""

from __future__ import annotations

import datetime as dt
import os
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.accounts.models import User
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Bundle, Listing, SalePeriod
from marketplace.catalog.types import BundleDetails
from marketplace.core.money import Money
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.trade import buy, make_person, make_seller, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
LOOKS = [(SMALL_PHONE, "dark"), (1280, "light")]


def _keep(page: Page, name: str) -> None:
    """A picture of the page, where SHOTS names a folder for them."""
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/{name}.png", full_page=True)


def _sale(listing: Listing) -> None:
    now = timezone.now()
    SalePeriod.objects.create(
        listing=listing,
        price_minor=5_000,
        currency="KRW",
        starts_at=now,
        ends_at=now + dt.timedelta(days=3),
        zone="Asia/Seoul",
    )


def _bundle(seller: User, *listings: Listing) -> Bundle:
    details = BundleDetails(
        title="밤과 낮의 노래 모음",
        description="**둘 다** 함께.",
        price=Money(15_000, "KRW"),
        listing_ids=tuple(listing.pk for listing in listings),
    )
    bundle = catalog.create_bundle(seller=seller, details=details)
    return catalog.publish_bundle(bundle_id=bundle.pk, seller=seller, now=timezone.now())


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_seller_sees_what_is_left_while_typing(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    listing = sell()
    page = open_as(chromium, live_server.url, listing.seller, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/studio/{listing.pk}/")

    expect(page.get_by_text("Of ₩9,900, ₩8,613 is yours.")).to_be_visible()
    expect(page.get_by_label("Suggested price")).to_be_hidden()
    page.get_by_label("Buyers choose what they pay").check()
    expect(page.get_by_label("Suggested price")).to_be_visible()
    page.get_by_label("Price", exact=True).fill("5,000원")
    page.get_by_label("Suggested price").fill("8,000")
    expect(page.get_by_text("At ₩8,000, ₩6,960 is yours.")).to_be_visible()
    check(page)
    _keep(page, f"edit-open-{width}")
    page.get_by_label("Price", exact=True).fill("1.500")
    expect(page.get_by_text("“1.500” could be 1.500 KRW or ₩1,500.")).to_be_visible()
    check(page)
    page.get_by_label("Price", exact=True).fill("5000")
    page.get_by_label("Number of copies").fill("50")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("from ₩5,000")).to_be_visible()
    page.goto(f"{live_server.url}/studio/")
    check(page)
    _keep(page, f"studio-{width}")
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_seller_plans_a_sale(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    listing = sell()
    page = open_as(chromium, live_server.url, listing.seller, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/studio/{listing.pk}/sale/")
    soon = timezone.now() + dt.timedelta(days=2)

    page.get_by_label("Sale price").fill("7,000")
    page.get_by_label("Begins").fill("2026-01-01T00:00")
    page.get_by_label("Ends").fill(soon.strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Time zone of both").select_option("Asia/Seoul")
    check(page)
    _keep(page, f"sale-form-{width}")
    page.get_by_role("button", name="Plan the sale").click()

    expect(page.get_by_role("button", name="End it now")).to_be_visible()
    check(page)
    _keep(page, f"sale-planned-{width}")
    page.goto(f"{live_server.url}/l/{listing.pk}/")
    expect(page.get_by_text("On sale until")).to_be_visible()
    check(page)
    _keep(page, f"sale-listing-{width}")
    page.goto(f"{live_server.url}/")
    check(page)
    _keep(page, f"front-{width}")
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_seller_makes_a_bundle_and_a_buyer_reads_it(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    seller, ada = make_seller(), make_person()
    one, two = sell(seller, title="밤의 노래"), sell(seller, title="낮의 노래")
    page = open_as(chromium, live_server.url, seller, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/studio/bundles/")
    check(page)

    page.get_by_role("link", name="Make your first bundle").click()
    page.get_by_label("Title").fill("밤과 낮")
    page.get_by_label("밤의 노래").check()
    page.get_by_label("낮의 노래").check()
    page.get_by_label("Price of all together").fill("15,000")
    check(page)
    _keep(page, f"bundle-form-{width}")
    page.get_by_role("button", name="Save").click()
    follow(page.get_by_role("button", name="Put on sale"))
    check(page)
    _keep(page, f"bundles-{width}")
    page.context.close()

    buy(ada, one)
    page = open_as(chromium, live_server.url, ada, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/bundles/{Bundle.objects.get().pk}/")
    expect(page.get_by_text("Yours already")).to_be_visible()
    check(page)
    _keep(page, f"bundle-{width}")
    page.goto(f"{live_server.url}/l/{two.pk}/")
    expect(page.get_by_text("Cheaper together")).to_be_visible()
    check(page)
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_buyer_chooses_what_to_pay(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    listing = sell()
    Listing.objects.update(pricing="open", price_minor=3_000, suggested_minor=5_000, copies=7)
    page = open_as(chromium, live_server.url, make_person(), width, color_scheme=scheme)
    page.goto(f"{live_server.url}/l/{listing.pk}/")
    expect(page.get_by_text("You choose what you pay, ₩3,000 or more.")).to_be_visible()
    expect(page.get_by_text("7 of 7 copies left")).to_be_visible()
    check(page)
    _keep(page, f"open-listing-{width}")

    page.goto(f"{live_server.url}/buy/{listing.pk}/")
    total = page.locator("#sum-total")
    expect(total).to_contain_text("₩5,000")
    check(page)
    _keep(page, f"open-buy-{width}")
    page.get_by_label("What you pay").fill("8,000")
    expect(total).to_contain_text("₩8,000")
    page.get_by_label("What you pay").fill("2,000")
    expect(total).to_contain_text("The least price is ₩3,000.")
    check(page)
    _keep(page, f"open-buy-error-{width}")
    page.context.close()


@pytest.mark.parametrize(("width", "scheme"), LOOKS)
def test_a_buyer_reads_of_a_sale_and_of_what_is_sold_out(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    seller = make_seller()
    listing, gone = sell(seller), sell(seller, title="마지막 한 장")
    _sale(listing)
    _bundle(seller, listing, gone)
    Listing.objects.filter(pk=gone.pk).update(copies=1)
    catalog.take_copy(listing_id=gone.pk, order_id=listing.pk, now=timezone.now())
    page = open_as(chromium, live_server.url, make_person(), width, color_scheme=scheme)
    for address, name in (
        (f"/buy/{listing.pk}/", "sale-buy"),
        (f"/l/{gone.pk}/", "sold-out"),
        (f"/buy/{gone.pk}/", "sold-out-buy"),
        (f"/s/{seller.seller.slug}/", "seller"),
        (f"/bundles/{Bundle.objects.get().pk}/", "bundle-in-part"),
    ):
        page.goto(live_server.url + address)
        check(page)
        _keep(page, f"{name}-{width}")
    page.context.close()
