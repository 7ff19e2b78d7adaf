"""The studio's pages of prices, sales and bundles at their addresses."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog.models import Bundle, Listing, SalePeriod
from marketplace.core.fee_rates import fee_rates
from marketplace.core.money import Money
from tests.marketplace.catalog.making import make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker() -> User:
    return make_seller("Studio")


@pytest.fixture
def studio(client: Client, maker: User) -> Client:
    client.force_login(maker)
    return client


def _listing_form(**changes: str) -> dict[str, str]:
    return {
        "title": "밤의 노래",
        "description": "",
        "category": "music",
        "tags": "",
        "pricing": "fixed",
        "price": "12,000",
        "currency": "KRW",
        "suggested": "",
        "interval": "month",
        "copies": "",
    } | changes


def test_a_listing_is_sold_in_each_way(studio: Client) -> None:
    for form in (
        _listing_form(title="fixed", copies="50"),
        _listing_form(title="open", pricing="open", price="1,000", suggested="3,000"),
        _listing_form(title="series", pricing="subscription", price="5000", interval="year"),
    ):
        assert studio.post("/studio/new/", form).status_code == 302

    fixed, opened, series = (
        Listing.objects.get(title=title) for title in ("fixed", "open", "series")
    )
    assert (fixed.pricing, fixed.copies, fixed.interval) == ("fixed", 50, "")
    assert (opened.pricing, opened.price, opened.suggestion) == (
        "open",
        Money(1_000, "KRW"),
        Money(3_000, "KRW"),
    )
    assert (series.pricing, series.interval, series.copies) == ("subscription", "year", None)


def test_a_seller_says_how_much_of_a_sale_is_for_delivery(studio: Client) -> None:
    for typed, bps in (("", None), ("2.5", 250), ("20", 2_000), ("1", 100)):
        assert studio.post("/studio/new/", _listing_form(pool=typed)).status_code == 302
        assert Listing.objects.latest("created_at").pool_bps == bps

    listing = Listing.objects.latest("created_at")
    for typed in ("0.99", "20.01", "-1", "much"):
        answer = studio.post(f"/studio/{listing.pk}/", _listing_form(pool=typed))
        assert answer.status_code == 422, typed
        listing.refresh_from_db()
        assert listing.pool_bps == 100
    ask = _listing_form(pool="20")
    assert "₩2,400 is for delivery" in studio.get("/studio/price-note/", ask).content.decode()


def test_what_a_choice_puts_away_is_not_asked_for(studio: Client) -> None:
    form = _listing_form(pricing="fixed", suggested="nonsense", interval="never")

    assert studio.post("/studio/new/", form).status_code == 302

    assert Listing.objects.get().suggested_minor is None


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"pricing": "open", "suggested": "11,999"}, "Suggest the least price of ₩12,000 or more"),
        ({"pricing": "subscription", "price": "0"}, "A subscription costs something"),
        ({"price": "1.500", "currency": "USD"}, "could be 1.500 USD or $1,500.00"),
        ({"price": "5.124", "currency": "KWD"}, "Write KWD\u00a05.120 or KWD\u00a05.130"),
        ({"copies": "0"}, "Choose from 1 to 1000000"),
    ],
)
def test_a_price_that_cannot_be_is_told_at_its_field(
    studio: Client, changes: dict[str, str], sentence: str
) -> None:
    answer = studio.post("/studio/new/", _listing_form(**changes))

    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert not Listing.objects.exists()


def test_a_price_that_fees_eat_up_is_refused_when_it_is_saved(
    studio: Client, settings: Settings
) -> None:
    settings.FEES = fee_rates({"GEOBUK_FEE_FIXED": "KRW=900", "GEOBUK_TAX_PERCENT": "10"})

    answer = studio.post("/studio/new/", _listing_form(price="1,000"))

    assert answer.status_code == 422
    assert "Of ₩1,000 nothing is left" in answer.content.decode()
    assert not Listing.objects.exists()


def test_saving_twice_keeps_the_price(studio: Client, maker: User) -> None:
    listing = put_on_sale(maker, make_details(price=Money(1_234_567, "USD")))
    page = studio.get(f"/studio/{listing.pk}/").content.decode()
    assert 'value="12345.67"' in page

    for _again in range(2):
        form = _listing_form(price="12345.67", currency="USD")
        assert studio.post(f"/studio/{listing.pk}/", form).status_code == 302

    assert Listing.objects.get().price == Money(1_234_567, "USD")


def test_what_services_refuse_is_told_at_its_field(studio: Client, maker: User) -> None:
    listing = put_on_sale(maker)
    now = timezone.now()
    SalePeriod.objects.create(
        listing=listing,
        price_minor=9_000,
        currency="KRW",
        starts_at=now,
        ends_at=now + dt.timedelta(days=1),
        zone="UTC",
    )

    answer = studio.post(f"/studio/{listing.pk}/", _listing_form(price="5", currency="USD"))

    assert answer.status_code == 422
    assert "A sale is planned in this currency" in answer.content.decode()
    assert Listing.objects.get().currency == "KRW"


def test_the_note_says_what_is_left(studio: Client, settings: Settings) -> None:
    settings.FEES = fee_rates({"GEOBUK_TAX_PERCENT": "10"})
    ask = {"pricing": "fixed", "price": "11,000", "currency": "KRW", "interval": "month"}

    plain = studio.get("/studio/price-note/", ask).content.decode()
    opened = studio.get(
        "/studio/price-note/", ask | {"pricing": "open", "suggested": "22,000"}
    ).content.decode()
    wrong = studio.get("/studio/price-note/", ask | {"price": "11"}).content.decode()
    empty = studio.get("/studio/price-note/", ask | {"price": ""}).content.decode()

    assert "Of ₩11,000, ₩8,570 is yours." in plain
    assert "The shop keeps ₩1,100; ₩1,000 is tax." in plain
    assert "At ₩22,000, ₩17,140 is yours." in opened
    assert "₩330 is for delivery" in plain
    assert "Cards cannot be charged less" in wrong
    assert not empty.strip()


def test_the_page_carries_the_note_without_a_script(studio: Client, maker: User) -> None:
    listing = put_on_sale(maker)

    assert "Of ₩12,000, ₩10,440 is yours." in studio.get(f"/studio/{listing.pk}/").content.decode()


def test_a_sale_is_planned_shown_and_ended(studio: Client, maker: User) -> None:
    listing = put_on_sale(maker)
    form = {
        "price": "9,000원",
        "starts": "2026-01-01T00:00",
        "ends": (timezone.now() + dt.timedelta(days=3)).strftime("%Y-%m-%dT%H:%M"),
        "zone": "Asia/Seoul",
    }

    assert studio.post(f"/studio/{listing.pk}/sale/", form).status_code == 302
    shown = studio.get(f"/l/{listing.pk}/").content.decode()
    studio_page = studio.get(f"/studio/{listing.pk}/sale/").content.decode()
    sale = SalePeriod.objects.get()
    ended = studio.post(f"/studio/{listing.pk}/sale/{sale.pk}/end/")

    assert "₩9,000" in shown
    assert '<s class="price-tag__regular">' in shown
    assert "On sale until" in shown
    assert "End it now" in studio_page
    assert ended.status_code == 302
    assert catalog_queries.price_now(Listing.objects.get(), timezone.now()) == listing.price


def test_a_sale_that_cannot_be_is_told_at_its_field(studio: Client, maker: User) -> None:
    listing = put_on_sale(maker)
    form = {"price": "12,000", "starts": "2026-01-01T00:00", "ends": "2026-01-02T00:00"}

    dear = studio.post(f"/studio/{listing.pk}/sale/", form | {"zone": "UTC"})
    past = studio.post(f"/studio/{listing.pk}/sale/", form | {"zone": "UTC", "price": "9000"})

    assert dear.status_code == past.status_code == 422
    assert "below the regular ₩12,000" in dear.content.decode()
    assert "not in the past" in past.content.decode()
    assert not SalePeriod.objects.exists()


def test_a_bundle_is_made_put_on_sale_and_found(studio: Client, maker: User) -> None:
    one, two = (
        put_on_sale(maker, make_details(title=title, price=Money(10_000, "KRW")))
        for title in ("one", "two")
    )
    form = {
        "title": "Both of them",
        "listings": [str(one.pk), str(two.pk)],
        "price": "15,000",
        "currency": "KRW",
    }

    assert studio.post("/studio/bundles/new/", form).status_code == 302
    bundle = Bundle.objects.get()
    assert Client().get(f"/bundles/{bundle.pk}/").status_code == 404
    assert studio.post(f"/studio/bundles/{bundle.pk}/publish/").status_code == 302
    page = Client().get(f"/bundles/{bundle.pk}/").content.decode()
    at_listing = Client().get(f"/l/{one.pk}/").content.decode()
    at_seller = Client().get("/s/studio/").content.decode()
    assert studio.post(f"/studio/bundles/{bundle.pk}/withdraw/").status_code == 302

    assert page.count("₩7,500") == 2
    assert "₩15,000" in page
    assert "Both of them" in at_listing
    assert "Both of them" in at_seller
    assert Client().get(f"/bundles/{bundle.pk}/").status_code == 404


def test_a_bundle_that_is_dearer_than_its_parts_is_refused(studio: Client, maker: User) -> None:
    one, two = (put_on_sale(maker, make_details(title=title)) for title in ("one", "two"))
    form = {
        "title": "x",
        "listings": [str(one.pk), str(two.pk)],
        "price": "24000",
        "currency": "KRW",
    }

    answer = studio.post("/studio/bundles/new/", form)
    lonely = studio.post(
        "/studio/bundles/new/", form | {"listings": [str(one.pk)], "price": "1000"}
    )

    assert answer.status_code == lonely.status_code == 422
    assert "One by one these cost ₩24,000" in answer.content.decode()
    assert "Choose from 2 to 20" in lonely.content.decode()
    assert not Bundle.objects.exists()


def test_a_subscription_is_published_without_a_question(studio: Client, maker: User) -> None:
    form = _listing_form(pricing="subscription", price="5000", interval="month")
    studio.post("/studio/new/", form)
    listing = Listing.objects.get()

    page = studio.get(f"/studio/{listing.pk}/files/").content.decode()

    assert 'name="rights"' not in page
    assert "It opens for as long as you subscribe" in page
