"""The seller's choice between closed and open swarms, over the studio's page."""

from __future__ import annotations

import pytest
from django.utils import timezone
from playwright.sync_api import Browser
from pytest_django.live_server_helper import LiveServer

from marketplace.distribution.models import Torrent
from marketplace.licensing import services as licensing
from marketplace.publishing.sharing import shared_closed
from tests.marketplace.checkout.shopping import client_of
from tests.marketplace.looks import SMALL_PHONE, check, follow, open_as
from tests.marketplace.trade import buy, log_in_device, make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def test_a_seller_opens_and_closes_the_swarm_of_a_listing() -> None:
    listing, ada = sell(), make_person()
    buy(ada, listing)
    before = Torrent.objects.get()
    seller, address = client_of(listing.seller), f"/studio/{listing.pk}/sharing/"
    assert "Among buyers alone" in seller.get(address).content.decode()

    opened = seller.post(address, {"swarm": "open"}, follow=True)

    assert "Shared openly." in opened.content.decode()
    after = Torrent.objects.get()
    assert not after.closed
    assert after.info_hash != before.info_hash
    assert after.package_id == before.package_id
    assert shared_closed(listing) is False
    # What was bought before opens as before.
    device = log_in_device(ada)
    assert listing.package_id is not None
    assert licensing.licence_for(
        user=ada, device=ada.devices.get(), package_id=listing.package_id, now=timezone.now()
    ).jws
    assert device.access_token
    closed = seller.post(address, {"swarm": "closed"}, follow=True)
    assert "Shared among buyers alone." in closed.content.decode()
    assert Torrent.objects.get().info_hash == before.info_hash


def test_nonsense_and_strangers_change_nothing() -> None:
    listing = sell()
    address = f"/studio/{listing.pk}/sharing/"
    seller, rival = client_of(listing.seller), client_of(make_seller("rival"))

    assert seller.post(address, {"swarm": "ajar"}).status_code == 422
    assert seller.post(address, {}).status_code == 422
    assert rival.post(address, {"swarm": "open"}).status_code == 404
    assert Torrent.objects.get().closed


@pytest.mark.e2e
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("width", [SMALL_PHONE, 1280])
def test_the_page_in_a_browser(chromium: Browser, live_server: LiveServer, width: int) -> None:
    listing = sell(title="아주긴제목" * 12)
    page = open_as(chromium, str(live_server.url), listing.seller, width)
    page.goto(f"{live_server.url}/studio/{listing.pk}/files/")
    follow(page.get_by_role("link", name="Sharing"))

    check(page)
    page.get_by_role("radio", name="Openly").check()
    follow(page.get_by_role("button", name="Save"))
    check(page)
    assert page.get_by_text("Shared openly.").is_visible()
