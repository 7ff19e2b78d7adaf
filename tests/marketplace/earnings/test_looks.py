"""A seller's earnings in a real browser: small and dark, wide and light."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.core.money import Money
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, chart, move
from tests.marketplace.earnings.test_pages import book_sale
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.orders.ordering import open_order
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_seller_looks_at_balance_and_statement(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    seller, now = make_seller(), timezone.now()
    listing = sell(seller, title="아주긴제목" * 12)
    for name, back, share in (("ada", 0, 8_910), ("eve", 4, 8_910), ("cho", 9, 8_910)):
        at = now - dt.timedelta(days=back)
        book_sale(open_order(make_person(name), listing), share=share, at=at)
    taken = move(debit=chart.seller(seller.pk, "KRW"), credit=chart.clearing("KRW"), minor=5_000)
    ledger.post(
        kind=EntryKind.REFUND, source="refund:1", at=now - dt.timedelta(days=2), lines=taken
    )
    ledger.start_payout(payout="p", seller_id=seller.pk, amount=Money(3_000, "KRW"), at=now)
    page = open_as(chromium, str(live_server.url), seller, width, color_scheme=scheme)
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    page.goto(f"{live_server.url}/studio/earnings/")
    check(page)
    expect(page.get_by_text("On its way to your bank besides: ₩3,000")).to_be_visible()
    expect(page.locator("rect")).to_have_count(4)
    follow(page.get_by_role("link", name="Whole statement"))
    check(page)
    rows = page.get_by_role("row")
    expect(rows).to_have_count(6)
    for cell in rows.nth(1).get_by_role("cell").all():
        box = cell.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width, "an amount is out of sight"
    refused = [text for text in said if "WebSocket" not in text]  # no such server runs here
    assert refused == []
