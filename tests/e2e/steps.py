"""What people do in the shop, step by step, by what they see on the page."""

from __future__ import annotations

import json
import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.e2e.house import House, Seeder, wait_until

__all__ = [
    "PASSWORD",
    "become_seller",
    "buy",
    "list_content",
    "log_in",
    "log_in_device",
    "log_out",
    "refund_newest_sale",
    "sign_up",
]

PASSWORD = "slow and steady 2002"


def sign_up(page: Page, house: House, email: str) -> None:
    """Make an account, and confirm the address with the link in the sandbox's mail."""
    page.goto(f"{house.url}/accounts/signup/")
    page.get_by_label("Email").first.fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label(re.compile("again")).fill(PASSWORD)
    page.get_by_role("button", name="Sign up").click()
    expect(page.get_by_role("heading", name="Look into your mailbox")).to_be_visible()
    page.goto(f"{house.url}/sandbox/mail/?to={email}")
    page.locator("a[href*='confirm-email']").first.click()
    page.get_by_role("button", name="Yes, confirm it").click()
    log_in(page, house, email)


def log_in(page: Page, house: House, email: str) -> None:
    """Log in, unless the confirmation already did."""
    page.goto(f"{house.url}/accounts/login/")
    if "/accounts/login/" in page.url:
        page.get_by_label("Email").fill(email)
        page.get_by_label("Password").fill(PASSWORD)
        page.locator("main").get_by_role("button", name="Log in").click()
    expect(page.get_by_role("button", name="Log out")).to_be_attached()


def log_out(page: Page, house: House) -> None:
    page.goto(f"{house.url}/accounts/logout/")
    page.locator("main").get_by_role("button", name="Log out").click()


def become_seller(page: Page, house: House, name: str) -> None:
    page.goto(f"{house.url}/accounts/become-seller/")
    page.get_by_label("Name on your listings").fill(name)
    page.locator("main").get_by_role("button", name="Become a seller").click()
    expect(page.get_by_role("heading", name=f"You sell as {name}")).to_be_visible()


def list_content(
    page: Page,
    house: House,
    *,
    title: str,
    price: str,
    currency: str,
    files: list[Path],
    cover: Path,
) -> str:
    """Describe, upload, publish, and wait until it is on sale. Returns the listing's address."""
    page.goto(f"{house.url}/studio/new/")
    page.get_by_label("Title").fill(title)
    page.get_by_label("Description").fill("A turtle. **Bold** <b>and plain</b>.")
    page.locator("#id_price").fill(price)
    page.get_by_label("Currency").select_option(currency)
    page.get_by_label("Category").select_option(label="Film")
    page.get_by_label("Tags").fill("거북이, test")
    page.get_by_label("Cover").set_input_files(cover)
    page.locator("main form button[type=submit]").last.click()
    page.wait_for_url(re.compile(r"/studio/[0-9a-f-]+/files/"))
    page.locator("input[type=file]").set_input_files(files)
    expect(page.get_by_text("Plays here")).to_have_count(len(files), timeout=60_000)
    page.get_by_role("button", name="Publish").click()
    link = page.locator("a[href*='/l/']").first
    expect(link).to_be_visible(timeout=60_000)
    return house.url + str(link.get_attribute("href"))


def buy(page: Page, house: House, listing: str, *, card: str = "4242424242424242") -> None:
    """From the listing to the paid order."""
    page.goto(listing)
    page.locator("a[href*='/buy/']").first.click()
    expect(page.get_by_role("heading", name="Where you can open it")).to_be_visible()
    page.get_by_role("button", name="Go to payment").click()
    page.wait_for_url(re.compile(r"/c/pay/"))
    page.get_by_label("Card number").fill(card)
    page.get_by_label("Expiry").fill("12 / 34")
    page.get_by_label("CVC").fill("123")
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url(re.compile(r"/orders/"))
    expect(page.get_by_role("heading", name="Thank you. It is yours.")).to_be_visible()


def log_in_device(page: Page, house: House, seeder: Seeder, *, name: str) -> None:
    """`geobuk login`, with the code typed on the page of the logged-in buyer."""
    login = seeder.start("login", house.url, "--name", name, "--json")
    assert login.stdout is not None
    shown = json.loads(login.stdout.readline())
    page.goto(f"{house.url}/device/?user_code={shown['user_code']}")
    field = page.get_by_label("Code on the device")
    expect(field).to_have_value("")
    field.fill(shown["user_code"].lower())
    page.get_by_role("button", name="Continue").click()
    asked = page.get_by_role("heading", name="Is it you?")
    shown_name = page.get_by_text(name, exact=True)
    expect(asked.or_(shown_name)).to_be_visible()
    if asked.is_visible():  # the last log-in was no password, or is too long ago
        page.get_by_role("textbox", name="Password").fill(PASSWORD)
        page.get_by_role("button", name="Go on").click()
    expect(shown_name).to_be_visible()
    fingerprint = page.locator("dd.mono").last.inner_text().replace(" ", "")
    assert fingerprint == shown["device"]
    page.get_by_role("button", name="Let it in").click()
    wait_until(lambda: login.poll() is not None, what="geobuk login has ended")
    assert login.returncode == 0, login.stdout.read()


def refund_newest_sale(page: Page, house: House) -> None:
    page.goto(f"{house.url}/studio/sales/")
    page.get_by_role("link", name="Refund…").first.click()
    page.get_by_role("button", name="Refund", exact=True).click()
    page.goto(f"{house.url}/studio/sales/")
    expect(page.locator("tbody .badge", has_text="Refunded").first).to_be_visible()
