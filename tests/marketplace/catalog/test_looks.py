"""The shop in a real browser: reachable by keyboard, no wider than a small phone, axe content."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from marketplace.catalog.models import Category
from tests.marketplace.catalog.making import make_details, make_seller, put_on_sale
from tests.marketplace.looks import SMALL_PHONE, check

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
LONG = "아주아주긴제목" * 20


@pytest.fixture
def addresses() -> list[str]:
    Category.objects.update_or_create(
        slug="music", defaults={"name_en": "Music", "name_ko": "음악"}
    )
    details = make_details(
        title=LONG, description=f"# {LONG}\n\n| a | b |\n|-|-|\n| {LONG} | b |", tags=("피아노",)
    )
    listing = put_on_sale(
        make_seller("긴이름" * 20), details, files=((f"{LONG}.flac", "audio/flac", 30_000_000),)
    )
    return [
        "/",
        "/c/music/",
        "/t/피아노/",
        f"/s/{listing.seller.seller.slug}/",
        "/search/?q=고래",
        f"/l/{listing.pk}/",
        "/no/such/page/",
    ]


def _open(chromium: Browser, width: int, **options: Any) -> Page:
    return chromium.new_page(viewport={"width": width, "height": 800}, **options)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [SMALL_PHONE, 1280])
def test_axe_finds_nothing_and_nothing_runs_over_the_edge(
    chromium: Browser, live_server: LiveServer, addresses: list[str], width: int, scheme: Any
) -> None:
    page = _open(chromium, width, color_scheme=scheme, reduced_motion="reduce")
    refused: list[str] = []
    page.on("console", lambda message: refused.append(message.text))

    for address in addresses:
        page.goto(live_server.url + address)
        check(page)
    page.close()
    assert [text for text in refused if "404" not in text] == []


def test_the_menu_of_a_phone_works_by_keyboard(chromium: Browser, live_server: LiveServer) -> None:
    page = _open(chromium, SMALL_PHONE)
    page.goto(live_server.url + "/")
    menu = page.locator("#site-nav")

    page.get_by_role("button", name="Menu").focus()
    page.keyboard.press("Enter")
    assert menu.is_visible()
    page.keyboard.press("Tab")
    assert menu.evaluate("menu => menu.contains(document.activeElement)")
    page.keyboard.press("Escape")

    assert menu.is_hidden()
    page.close()


def test_the_first_tab_offers_the_way_past_the_header(
    chromium: Browser, live_server: LiveServer
) -> None:
    page = _open(chromium, 1280)
    page.goto(live_server.url + "/")

    page.keyboard.press("Tab")
    page.keyboard.press("Enter")

    assert page.evaluate("document.activeElement.id") == "main"
    page.close()
