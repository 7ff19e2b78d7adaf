"""The pages of what was earned by delivering, in a real browser: small and dark, wide and light."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.rewards.sales import Receipts, bought, give_back, settle
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_deliverer_and_seller_look_where_the_pools_went(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    seller, bob, receipts = make_seller(), make_person("bob"), Receipts()
    song, film = sell(seller, title="아주긴제목" * 12), sell(seller, title="The film")
    for number, listing in enumerate((song, song, film)):
        buyer = make_person(f"buyer-{number}")
        order = bought(buyer, listing)
        receipts.add(buyer, bob, 10**9)
        settle(receipts, day=14)
        if number == 1:
            give_back(order)
    settle(receipts, day=122)
    late = make_person("late")
    bought(late, song)
    receipts.add(late, bob, 10**9)
    settle(receipts, day=14)
    page = open_as(chromium, str(live_server.url), bob, width, color_scheme=scheme)

    page.goto(f"{live_server.url}/credit/")
    check(page)
    follow(page.get_by_role("link", name="Earned by delivering"))
    check(page)
    expect(page.get_by_role("heading", name="Still waits: ₩297")).to_be_visible()
    expect(page.get_by_text("of “The film” to 1 buyer")).to_be_visible()
    for cell in page.get_by_role("cell").all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width, "an amount is out of sight"

    page = open_as(chromium, str(live_server.url), seller, width, color_scheme=scheme)
    page.goto(f"{live_server.url}/studio/earnings/")
    follow(page.get_by_role("link", name="Delivery"))
    check(page)
    expect(page.get_by_role("heading", name="The film")).to_be_visible()
