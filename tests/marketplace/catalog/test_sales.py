from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from marketplace.accounts.types import User
from marketplace.catalog import queries, services
from marketplace.catalog.errors import (
    ListingNotFoundError,
    PriceError,
    PricingError,
    SaleNotFoundError,
)
from marketplace.catalog.models import Listing, SalePeriod
from marketplace.catalog.sales import moment_in, zones
from marketplace.catalog.types import SaleWish
from marketplace.core.money import Money
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db
SEOUL = "Asia/Seoul"
DAY = dt.timedelta(days=1)


@pytest.fixture
def seller() -> User:
    return make_seller()


def _clock(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)


def _wish(
    price: Money | None = None,
    starts: str = "2026-11-27T00:00",
    ends: str = "2026-12-01T00:00",
    zone: str = SEOUL,
) -> SaleWish:
    return SaleWish(
        price=price or Money(9_000, "KRW"), starts=_clock(starts), ends=_clock(ends), zone=zone
    )


def _plan(listing: Listing, seller: User, wish: SaleWish | None = None) -> SalePeriod:
    return services.plan_sale(listing_id=listing.pk, seller=seller, wish=wish or _wish(), now=NOW)


def test_a_sale_begins_and_ends_by_the_clock_of_its_seller(seller: User) -> None:
    listing = put_on_sale(seller)

    sale = _plan(listing, seller)

    starts = dt.datetime(2026, 11, 26, 15, 0, tzinfo=dt.UTC)
    ends = dt.datetime(2026, 11, 30, 15, 0, tzinfo=dt.UTC)
    tick = dt.timedelta(microseconds=1)
    assert (sale.starts_at, sale.ends_at, sale.zone) == (starts, ends, SEOUL)
    assert queries.price_now(listing, starts - tick) == Money(12_000, "KRW")
    assert queries.price_now(listing, starts) == Money(9_000, "KRW")
    assert queries.price_now(listing, ends - tick) == Money(9_000, "KRW")
    assert queries.price_now(listing, ends) == Money(12_000, "KRW")
    assert queries.accept_price(listing, None, starts) == Money(9_000, "KRW")


def test_clocks_that_are_put_forward_never_show_an_hour() -> None:
    with pytest.raises(ValueError, match="forward"):
        moment_in("Europe/Berlin", _clock("2027-03-28T02:30"))


def test_an_hour_that_clocks_show_twice_is_the_first_to_begin_and_the_last_to_end() -> None:
    clock = _clock("2026-10-25T02:30")

    first, last = (
        moment_in("Europe/Berlin", clock),
        moment_in("Europe/Berlin", clock, last=True),
    )

    assert first == dt.datetime(2026, 10, 25, 0, 30, tzinfo=dt.UTC)
    assert last == first + dt.timedelta(hours=1)


def test_the_zones_on_offer_are_places_that_clocks_are_set_by() -> None:
    assert {"Asia/Seoul", "Europe/Paris", "America/New_York", "UTC"} <= set(zones())
    assert "Etc/GMT+5" not in zones()


def test_a_sale_that_should_have_begun_begins_now(seller: User) -> None:
    sale = _plan(put_on_sale(seller), seller, _wish(starts="2026-11-01T00:00"))

    assert sale.starts_at == NOW


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        (_wish(ends="2026-11-26T23:59"), "ends"),
        (_wish(starts="2026-11-01T00:00", ends="2026-11-02T00:00"), "ends"),
        (_wish(ends="2027-03-30T00:00"), "ends"),
        (_wish(zone="Mars/Olympus"), "zone"),
        (
            _wish(starts="2027-03-14T02:30", ends="2027-03-15T00:00", zone="America/New_York"),
            "starts",
        ),
    ],
)
def test_a_time_that_is_none_is_refused_at_its_field(
    seller: User, wish: SaleWish, field: str
) -> None:
    listing = put_on_sale(seller)

    with pytest.raises(PricingError) as refused:
        _plan(listing, seller, wish)

    assert refused.value.field == field
    assert not SalePeriod.objects.exists()


@pytest.mark.parametrize(
    "price", [Money(12_000, "KRW"), Money(13_000, "KRW"), Money(900, "USD"), Money(99, "KRW")]
)
def test_a_sale_price_is_below_the_regular_one_and_can_be_charged(
    seller: User, price: Money
) -> None:
    listing = put_on_sale(seller)

    with pytest.raises(PriceError):
        _plan(listing, seller, _wish(price))

    assert not SalePeriod.objects.exists()


def test_two_sales_of_a_listing_do_not_overlap_and_may_touch(seller: User) -> None:
    listing = put_on_sale(seller)
    _plan(listing, seller)

    with pytest.raises(PricingError) as refused:
        _plan(listing, seller, _wish(starts="2026-11-30T23:59", ends="2026-12-05T00:00"))
    _plan(listing, seller, _wish(starts="2026-12-01T00:00", ends="2026-12-05T00:00"))

    assert refused.value.field == "starts"
    assert queries.sales_of(listing.pk, now=NOW).count() == 2


def test_a_sale_is_ended_early_or_called_off(seller: User) -> None:
    listing = put_on_sale(seller)
    sale = _plan(listing, seller)
    later = _plan(listing, seller, _wish(starts="2026-12-02T00:00", ends="2026-12-03T00:00"))
    running = sale.starts_at + DAY

    ended = services.end_sale(sale_id=sale.pk, listing_id=listing.pk, seller=seller, now=running)
    again = services.end_sale(sale_id=sale.pk, listing_id=listing.pk, seller=seller, now=running)
    called_off = services.end_sale(
        sale_id=later.pk, listing_id=listing.pk, seller=seller, now=running
    )

    assert (ended, again, called_off) == (True, False, True)
    assert queries.price_now(listing, running) == Money(12_000, "KRW")
    assert not SalePeriod.objects.filter(pk=later.pk).exists()


def test_another_sellers_listing_is_not_found(seller: User) -> None:
    listing = put_on_sale(seller)
    sale = _plan(listing, seller)
    rival = make_seller("Rival", "rival@example.org")
    other = put_on_sale(rival, make_details(title="other"))

    with pytest.raises(ListingNotFoundError):
        _plan(listing, rival)
    with pytest.raises(ListingNotFoundError):
        services.end_sale(sale_id=sale.pk, listing_id=listing.pk, seller=rival, now=NOW)
    with pytest.raises(SaleNotFoundError):
        services.end_sale(sale_id=sale.pk, listing_id=other.pk, seller=rival, now=NOW)

    assert SalePeriod.objects.get().ends_at == sale.ends_at


def test_a_regular_price_below_the_sale_price_is_what_it_costs(seller: User) -> None:
    listing = put_on_sale(seller)
    sale = _plan(listing, seller)

    cheaper = services.update_listing(
        listing_id=listing.pk, seller=seller, details=make_details(price=Money(5_000, "KRW"))
    )

    assert queries.current_sale(cheaper, sale.starts_at) is None
    assert queries.price_now(cheaper, sale.starts_at) == Money(5_000, "KRW")


def test_the_currency_stays_while_a_sale_is_planned_in_it(seller: User) -> None:
    listing = put_on_sale(seller)
    SalePeriod.objects.create(
        listing=listing,
        price_minor=9_000,
        currency="KRW",
        starts_at=dt.datetime(2999, 1, 1, tzinfo=dt.UTC),
        ends_at=dt.datetime(2999, 1, 2, tzinfo=dt.UTC),
        zone=SEOUL,
    )

    with translation.override("en"), pytest.raises(PricingError, match="End it first"):
        services.update_listing(
            listing_id=listing.pk, seller=seller, details=make_details(price=Money(900, "USD"))
        )

    assert Listing.objects.get(pk=listing.pk).currency == "KRW"
