from __future__ import annotations

import datetime as dt
import re
from html import unescape

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts import services as accounts
from marketplace.accounts.models import User
from marketplace.catalog.types import SaleTerms
from marketplace.licensing.models import Entitlement
from tests.marketplace.licensing.renting import Renter
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db

RENTAL = SaleTerms(rental_hours=48, start_days=30, plays=3)


def _text(user: User, path: str = "/library/") -> str:
    browser = Client()
    browser.force_login(user)
    page = re.sub(r"<[^>]+>", " ", browser.get(path).content.decode())
    return re.sub(r"\s+", " ", unescape(page))


def test_the_library_tells_a_rental_from_its_beginning_to_its_end() -> None:
    ada, now = make_person("ada"), timezone.now()
    rented = buy(ada, sell(title="빌린 영화", terms=RENTAL), now=now)

    waiting = _text(ada)
    desk = Renter(ada, rented, now=now)
    desk.renew()
    desk.play()
    desk.renew()
    begun = _text(ada)
    Entitlement.objects.update(expires_at=now)
    over = _text(ada)

    assert "Rented " in waiting
    assert "Bought" not in waiting
    assert "it plays for 48 hours. 3 plays left. To begin by: " in waiting
    assert "For a time 2 plays left. It plays until: " in begun
    assert "Over Its time has run out. Rent it again" in over
    assert "Refunded" not in over
    assert "geobuk play" not in over


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"plays_used": 3}, "It was played as often as you had rented it for."),
        ({"start_by": timezone.now() - dt.timedelta(days=1)}, "It was not begun by"),
    ],
)
def test_why_a_rental_is_over_is_said(change: dict[str, object], why: str) -> None:
    ada = make_person("ada")
    buy(ada, sell(terms=RENTAL))
    Entitlement.objects.update(**change)

    assert why in _text(ada)


def test_a_listing_says_who_has_it_for_good_and_who_for_a_time() -> None:
    ada, bought, rented = make_person("ada"), sell(), sell(terms=RENTAL)
    buy(ada, bought)
    buy(ada, rented)

    assert "it stays yours" in _text(ada, f"/library/owned/{bought.pk}/")
    assert "You have it for a time" in _text(ada, f"/library/owned/{rented.pk}/")


def test_the_devices_page_notes_a_copy() -> None:
    ada = make_person("ada")
    desk = Renter(ada, buy(ada, sell(terms=RENTAL)), now=timezone.now())
    clean = _text(ada, "/accounts/devices/")

    accounts.suspect_copies(device_id=desk.device.pk, day=dt.date(2026, 11, 25))

    assert "older lease" not in clean
    assert "presented an older lease than it should have" in _text(ada, "/accounts/devices/")


def test_the_seller_sees_the_sale_and_no_play() -> None:
    ada, listing = make_person("ada"), sell(terms=RENTAL)
    desk = Renter(ada, buy(ada, listing), now=timezone.now())
    seller = listing.seller
    paths = ["/studio/", "/studio/sales/", f"/studio/{listing.pk}/", f"/studio/{listing.pk}/files/"]
    before = [_text(seller, path) for path in paths]

    desk.renew()
    desk.play()
    desk.renew()

    assert [_text(seller, path) for path in paths] == before
