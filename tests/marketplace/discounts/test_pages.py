"""The studio's pages of codes, and what is typed there."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from marketplace.accounts.models import Seller
from marketplace.discounts.models import Code
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.discounts.coding import make_code
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db
NEW = "/studio/codes/new/"


def typed(**more: Any) -> dict[str, Any]:
    return {
        "text": "BYEOL 2026", "kind": "percent", "percent": "15", "amount": "", "minimum": "",
        "currency": "KRW", "scope": "all", "starts_at": "", "ends_at": "", "zone": "Asia/Seoul",
        "total_limit": "", "buyer_limit": "1", **more,
    }  # fmt: skip


def test_a_seller_makes_a_code_sees_it_and_ends_it() -> None:
    client = browser_of(make_seller())
    assert "No codes yet" in client.get("/studio/codes/").content.decode()

    answer = client.post(NEW, typed(total_limit="3"), follow=True)

    page = answer.content.decode()
    code = Code.objects.get()
    assert "is ready to be given out" in page
    assert "−15 %" in page
    assert "used 0 of 3 times" in page
    assert (code.text, code.everything, code.currency) == ("byeol2026", True, "")

    page = client.post(f"/studio/codes/{code.pk}/end/", follow=True).content.decode()
    assert "Ended" in page
    assert "End it" not in page
    code.refresh_from_db()
    assert code.ended_at is not None


def test_times_are_of_the_chosen_zone() -> None:
    client = browser_of(make_seller())
    year = dt.datetime.now(dt.UTC).year + 1

    client.post(NEW, typed(starts_at=f"{year}-03-01T00:00", ends_at=f"{year}-03-31T23:59"))

    code = Code.objects.get()
    assert code.starts_at == dt.datetime(year, 2, 28, 15, 0, tzinfo=dt.UTC)
    assert code.ends_at == dt.datetime(year, 3, 31, 14, 59, tzinfo=dt.UTC)
    assert code.zone == "Asia/Seoul"


def test_an_hour_that_the_clocks_skip_is_no_time() -> None:
    client = browser_of(make_seller())

    answer = client.post(NEW, typed(zone="Europe/Berlin", starts_at="2031-03-30T02:30"))

    assert answer.status_code == 422
    assert "The clocks skip this hour there." in answer.content.decode()
    assert Code.objects.count() == 0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"text": "a-b"}, "A code has 4 to 40 letters and digits."),
        ({"percent": ""}, "Say how much."),
        ({"percent": "101"}, "Choose from 1 to 100."),
        ({"kind": "amount", "amount": "0"}, "Choose more than zero"),
        ({"kind": "amount", "amount": "12.5"}, "decimals"),
        ({"kind": "amount", "amount": ""}, "Say how much."),
        ({"scope": "chosen"}, "Choose at least one."),
        ({"buyer_limit": "0"}, "Choose from 1 to 1000000."),
        ({"ends_at": "2020-01-01T00:00"}, "A code ends after it has begun."),
        ({"zone": "Asia/Gotham"}, "Asia/Gotham"),
        ({"kind": ""}, "required"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(wrong: dict[str, str], sentence: str) -> None:
    client = browser_of(make_seller())

    answer = client.post(NEW, typed(**wrong))

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert Code.objects.count() == 0


def test_what_a_choice_puts_away_does_not_stop_the_form() -> None:
    seller = make_seller()
    listing = sell(seller)
    client = browser_of(seller)

    client.post(
        NEW,
        typed(kind="amount", amount="2,000", percent="999", scope="chosen", listings=[listing.pk]),
    )

    code = Code.objects.get()
    assert (code.percent, code.amount_minor, code.currency) == (None, 2_000, "KRW")
    assert list(code.listings.all()) == [listing]


def test_a_taken_code_is_said_at_its_field() -> None:
    make_code(make_seller("다른 가게"))
    client = browser_of(make_seller())

    answer = client.post(NEW, typed())

    assert answer.status_code == 422
    assert "The code “BYEOL 2026” is taken." in answer.content.decode()


def test_only_ones_own_listings_can_be_chosen() -> None:
    foreign = sell(title="남의 노래")
    client = browser_of(make_seller())

    assert "남의 노래" not in client.get(NEW).content.decode()
    answer = client.post(NEW, typed(scope="chosen", listings=[foreign.pk]))

    assert answer.status_code == 422
    assert Code.objects.count() == 0


def test_the_form_begins_with_the_sellers_zone() -> None:
    seller = make_seller()
    page = browser_of(seller).get(NEW).content.decode()
    assert '<option value="Asia/Seoul" selected>' in page

    Seller.objects.filter(user=seller).update(country="US")  # several zones
    page = browser_of(seller).get(NEW).content.decode()
    assert '<option value="UTC" selected>' in page


def test_codes_are_for_sellers() -> None:
    answer = browser_of(make_person()).get("/studio/codes/")

    assert (answer.status_code, answer["Location"]) == (302, "/accounts/become-seller/")
