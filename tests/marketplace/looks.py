"""Looking at the shop's pages in a real browser: open one as somebody, follow a link, check it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from playwright.sync_api import Browser, Locator, Page

from marketplace.accounts.models import User
from tests.marketplace.checkout.shopping import client_of

__all__ = ["SMALL_PHONE", "check", "follow", "open_as"]

AXE = Path(settings.BASE_DIR) / "node_modules" / "axe-core" / "axe.min.js"
SMALL_PHONE = 320


def open_as(chromium: Browser, shop: str, user: User, width: int, **options: Any) -> Page:
    """A page of a browser in which `user` is logged in."""
    context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
    session = client_of(user).cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": session, "url": shop}])
    return context.new_page()


def follow(link: Locator) -> None:
    """Click what leads to another page, and wait until that page is there."""
    # click() returns before the old page is gone, and what looks then looks at either of them.
    with link.page.expect_navigation(wait_until="load"):
        link.click()


def check(page: Page) -> None:
    """Nothing runs over the edge, and axe finds nothing."""
    # evaluate() is outside the page's content security policy; a script tag is not.
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    violations = [(v["id"], [n["html"] for n in v["nodes"]]) for v in found["violations"]]
    assert violations == [], page.url
    wide = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
    assert wide <= 0, page.url
