"""Codes and credit in two real browsers, on a small phone in the dark and on a desk."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.core.money import Money
from marketplace.ledger import services as ledger
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_code_from_the_studio_to_the_sum_and_credit_beside_it(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    shop, seller, ada = str(live_server.url), make_seller(), make_person()
    listing = sell(seller, title="아주긴제목" * 12)
    hers = open_as(chromium, shop, seller, width, color_scheme=scheme)
    hers.goto(f"{shop}/studio/codes/")
    check(hers)
    follow(hers.get_by_role("link", name="Make your first code"))
    check(hers)
    expect(hers.get_by_label("Amount", exact=True)).to_be_hidden()
    hers.get_by_label("A fixed amount").check()
    expect(hers.get_by_label("Percent")).to_be_hidden()
    hers.get_by_label("Only what you choose").check()
    check(hers)
    hers.get_by_role("button", name="Make the code").click()
    expect(hers.get_by_text("Say how much.")).to_be_visible()
    expect(hers.get_by_text("Choose at least one.")).to_be_visible()
    check(hers)
    hers.get_by_label("Code", exact=True).fill("별 2026")
    hers.get_by_label("Amount", exact=True).fill("2,000")
    hers.get_by_label("아주긴제목").check()
    hers.get_by_role("button", name="Make the code").click()
    expect(hers.get_by_text("is ready to be given out")).to_be_visible()
    check(hers)

    ledger.grant_credit(
        user_id=ada.pk, amount=Money(500, "KRW"), source="a", at=timezone.now(), reason="미안"
    )
    page = open_as(chromium, shop, ada, width, color_scheme=scheme)
    page.goto(f"{shop}/buy/{listing.pk}/")
    page.get_by_label("Discount code").fill("없는코드")
    page.keyboard.press("Enter")  # applies, and pays nothing yet
    expect(page.get_by_role("alert")).to_contain_text("We do not know the code “없는코드”.")
    check(page)
    page.get_by_label("Discount code").fill("별2026")
    page.get_by_role("button", name="Apply").click()
    expect(page.get_by_text("₩7,900")).to_be_visible()
    page.get_by_label("Use my credit (₩500)").check()
    expect(page.get_by_text("₩7,400")).to_be_visible()
    check(page)
    page.get_by_label("Use my credit (₩500)").uncheck()
    expect(page.get_by_text("₩7,900")).to_be_visible()
    page.goto(f"{shop}/credit/")
    expect(page.get_by_text("Credit from the shop: 미안")).to_be_visible()
    check(page)

    hers.get_by_role("button", name="End it").click()
    expect(hers.get_by_text("Ended", exact=True)).to_be_visible()
    check(hers)
