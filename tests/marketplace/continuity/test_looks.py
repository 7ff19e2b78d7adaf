"""The page of the recovery key on a small dark phone and on a desk."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from marketplace.continuity import services
from tests.marketplace.continuity.paper import public_parts
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]
AXE = Path(django_settings.BASE_DIR) / "node_modules" / "axe-core" / "axe.min.js"


def _check(page: Page) -> None:
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]
    assert violations == []
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0
    # No option and no name of a file is broken in two.
    words = "[...document.querySelectorAll('code .nowrap')]"
    assert page.evaluate(f"{words}.filter(word => word.getClientRects().length > 1).length") == 0
    boxes = "[...document.querySelectorAll('code.code-box')]"
    assert page.evaluate(f"{boxes}.filter(box => box.scrollWidth > box.clientWidth).length") == 0


@pytest.mark.parametrize(("width", "scheme"), [(320, "dark"), (1280, "light")])
def test_the_page_fits_and_removes_a_key(
    chromium: Browser, live_server: LiveServer, tmp_path: Path, width: int, scheme: str
) -> None:
    ada = make_person()
    buy(ada, sell())
    browser = Client()
    browser.force_login(ada)
    context = chromium.new_context(
        viewport={"width": width, "height": 800}, color_scheme=scheme  # type: ignore[arg-type]  # one of two
    )  # fmt: skip
    session = browser.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])
    page = context.new_page()

    page.goto(f"{live_server.url}/accounts/recovery/")
    expect(page.get_by_text("geobuk recovery create")).to_be_visible()
    _check(page)
    services.register_recovery_key(user=ada, keys=public_parts(), now=timezone.now())
    page.reload()
    _check(page)
    page.screenshot(path=str(tmp_path / "page.png"), full_page=True)
    page.get_by_role("link", name="Remove the recovery key").click()
    _check(page)
    page.get_by_role("button", name="Remove the key").click()

    expect(page.get_by_text("The recovery key is removed.")).to_be_visible()
    context.close()
