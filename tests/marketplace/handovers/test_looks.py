"""A loan in two real browsers, from the library to the return, on a small phone in the dark."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from tests.marketplace.handovers.handing import Person, fetch, let_go, own, person
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.trade import sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _open(chromium: Browser, shop: str, who: Person, width: int, scheme: Any) -> Page:
    page = open_as(chromium, shop, who.user, width, color_scheme=scheme)
    page.goto(f"{shop}/library/")
    check(page)
    return page


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_a_loan_from_the_library_to_the_return(
    chromium: Browser, live_server: LiveServer, width: int, scheme: Any
) -> None:
    shop, ada, eve = str(live_server.url), person("ada"), person("eve")
    what, desk = own(ada, sell(title="아주긴제목" * 12)), ada.device("아주 긴 이름의 기기" * 4)
    fetch(desk, what.package_id)
    hers = _open(chromium, shop, ada, width, scheme)
    follow(hers.get_by_role("link", name="Lend it or pass it on"))
    check(hers)
    # By keyboard alone: the ways, the address, the days, the button.
    hers.get_by_role("radio", name="Lend it, for some days").press("Space")
    hers.keyboard.press("Tab")
    hers.keyboard.type("EVE@example.org")
    hers.keyboard.press("Tab")
    hers.keyboard.type("7")
    hers.keyboard.press("Enter")
    expect(hers.get_by_text("has not answered yet")).to_be_visible()
    check(hers)

    theirs = _open(chromium, shop, eve, width, scheme)
    follow(theirs.get_by_role("link", name="1 thing is offered to you"))
    check(theirs)
    follow(theirs.get_by_role("main").get_by_role("link", name="아주긴제목"))
    check(theirs)
    theirs.get_by_role("button", name="Accept").click()
    expect(theirs.get_by_text("You have accepted.")).to_be_visible()
    hers.reload()
    expect(hers.get_by_text("Waiting", exact=True)).to_be_visible()
    check(hers)

    let_go(desk)
    theirs.reload()
    expect(theirs.get_by_text("You have it until:")).to_be_visible()
    check(theirs)
    hers.reload()
    check(hers)
    hers.get_by_label("Days from today").fill("20")
    hers.get_by_role("button", name="Extend the loan").click()
    hers.get_by_role("link", name="Your library").first.click()
    expect(hers.get_by_text("It opens on your devices again when it is back.")).to_be_visible()
    check(hers)

    theirs.get_by_role("button", name="Give it back now").click()
    expect(theirs.get_by_text("it is back with its owner")).to_be_visible()
    check(theirs)
    hers.goto(f"{shop}/handovers/")
    expect(hers.get_by_text("Returned")).to_be_visible()
    check(hers)
