"""The page of the recovery key on a small dark phone and on a desk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.continuity import services
from tests.marketplace.continuity.paper import public_parts
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]


def _check(page: Page) -> None:
    check(page)
    # No option and no name of a file is broken in two.
    words = "[...document.querySelectorAll('code .nowrap')]"
    assert page.evaluate(f"{words}.filter(word => word.getClientRects().length > 1).length") == 0
    boxes = "[...document.querySelectorAll('code.code-box')]"
    assert page.evaluate(f"{boxes}.filter(box => box.scrollWidth > box.clientWidth).length") == 0


@pytest.mark.parametrize(("width", "scheme"), [(SMALL_PHONE, "dark"), (1280, "light")])
def test_the_page_fits_and_removes_a_key(
    chromium: Browser, live_server: LiveServer, tmp_path: Path, width: int, scheme: Any
) -> None:
    ada = make_person()
    buy(ada, sell())
    page = open_as(chromium, str(live_server.url), ada, width, color_scheme=scheme)

    page.goto(f"{live_server.url}/accounts/recovery/")
    expect(page.get_by_text("geobuk recovery create")).to_be_visible()
    _check(page)
    services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    page.reload()
    _check(page)
    page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
    follow(page.get_by_role("link", name="Remove the recovery key"))
    _check(page)
    page.get_by_role("button", name="Remove the key").click()

    expect(page.get_by_text("The recovery key is removed.")).to_be_visible()
