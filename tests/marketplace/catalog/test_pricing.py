from __future__ import annotations

import datetime as dt

import pytest
from django.utils import translation

from marketplace.accounts.types import User
from marketplace.catalog import queries, services
from marketplace.catalog.errors import PriceError, PricingError, TermsError
from marketplace.catalog.models import Listing
from marketplace.catalog.types import ListingDetails, PriceTerms, SaleTerms
from marketplace.core.money import Money
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller() -> User:
    return make_seller()


def _details(price: Money, **terms: object) -> ListingDetails:
    plain = make_details(price=price)
    return ListingDetails(
        title=plain.title,
        description=plain.description,
        price=price,
        category=plain.category,
        pricing=PriceTerms(**terms),  # type: ignore[arg-type]  # as the test wrote them
    )


def test_buyers_choose_from_the_least_price_on(seller: User) -> None:
    details = _details(Money(3_000, "KRW"), pricing="open", suggested=Money(5_000, "KRW"))
    listing = put_on_sale(seller, details)

    assert queries.price_now(listing, NOW) == Money(3_000, "KRW")
    assert queries.accept_price(listing, None, NOW) == Money(5_000, "KRW")
    assert queries.accept_price(listing, Money(3_000, "KRW"), NOW) == Money(3_000, "KRW")
    assert queries.accept_price(listing, Money(9_999, "KRW"), NOW) == Money(9_999, "KRW")
    with translation.override("en"), pytest.raises(PriceError, match="least price is ₩3,000"):
        queries.accept_price(listing, Money(2_999, "KRW"), NOW)
    with translation.override("en"), pytest.raises(PriceError, match="sold in KRW"):
        queries.accept_price(listing, Money(9_999, "USD"), NOW)


def test_what_may_be_free_takes_nothing_or_what_a_card_can_be_charged(seller: User) -> None:
    listing = put_on_sale(seller, _details(Money(0, "USD"), pricing="open"))

    assert queries.accept_price(listing, Money(0, "USD"), NOW) == Money(0, "USD")
    assert queries.accept_price(listing, Money(50, "USD"), NOW) == Money(50, "USD")
    with pytest.raises(PriceError):
        queries.accept_price(listing, Money(49, "USD"), NOW)


def test_nobody_names_an_amount_where_there_is_one_price(seller: User) -> None:
    listing = put_on_sale(seller)

    assert queries.accept_price(listing, Money(1, "KRW"), NOW) == Money(12_000, "KRW")
    assert queries.accept_price(listing, Money(99_000, "KRW"), NOW) == Money(12_000, "KRW")


@pytest.mark.parametrize(
    ("price", "terms", "field"),
    [
        (Money(3_000, "KRW"), {"pricing": "open", "suggested": Money(2_999, "KRW")}, "suggested"),
        (Money(3_000, "KRW"), {"pricing": "open", "suggested": Money(5_000, "USD")}, "suggested"),
        (Money(0, "KRW"), {"pricing": "open", "suggested": Money(99, "KRW")}, "suggested"),
        (Money(3_000, "KRW"), {"suggested": Money(5_000, "KRW")}, "suggested"),
        (Money(3_000, "KRW"), {"interval": "month"}, "interval"),
        (Money(3_000, "KRW"), {"pricing": "subscription"}, "interval"),
        (Money(3_000, "KRW"), {"pricing": "subscription", "interval": "week"}, "interval"),
        (
            Money(3_000, "KRW"),
            {"pricing": "subscription", "interval": "month", "copies": 5},
            "copies",
        ),
        (Money(3_000, "KRW"), {"copies": 0}, "copies"),
        (Money(3_000, "KRW"), {"copies": 1_000_001}, "copies"),
    ],
)
def test_pricing_that_does_not_fit_is_refused_at_its_field(
    seller: User, price: Money, terms: dict[str, object], field: str
) -> None:
    with pytest.raises(PricingError) as refused:
        services.create_listing(seller=seller, details=_details(price, **terms))

    assert refused.value.field == field
    assert not Listing.objects.exists()


def test_a_subscription_costs_something(seller: User) -> None:
    details = _details(Money(0, "KRW"), pricing="subscription", interval="month")

    with pytest.raises(PriceError):
        services.create_listing(seller=seller, details=details)


def test_a_subscription_opens_while_it_is_paid_for_and_is_not_passed_on(seller: User) -> None:
    details = _details(Money(5_000, "KRW"), pricing="subscription", interval="month")
    listing = services.create_listing(seller=seller, details=details)

    rights = queries.rights_of(listing)

    assert listing.is_subscription
    assert listing.is_leased
    assert rights["play"] is True
    assert rights["lease"]["duration"] > 0
    assert not rights.get("save")
    with translation.override("en"):
        assert any("as long as you subscribe" in each.text for each in queries.promises(listing))
    for terms in (
        SaleTerms(may_save=True),
        SaleTerms(rental_hours=48, start_days=30),
        SaleTerms(lend_days=7),
        SaleTerms(transferable=True),
        SaleTerms(giftable=True),
    ):
        with pytest.raises(TermsError):
            services.set_terms(listing_id=listing.pk, seller=seller, terms=terms)


def test_a_draft_that_becomes_a_subscription_loses_the_terms_of_a_purchase(seller: User) -> None:
    listing = services.create_listing(seller=seller, details=make_details())
    services.set_terms(
        listing_id=listing.pk, seller=seller, terms=SaleTerms(may_save=True, giftable=True)
    )

    changed = services.update_listing(
        listing_id=listing.pk,
        seller=seller,
        details=_details(Money(5_000, "KRW"), pricing="subscription", interval="year"),
    )

    assert not changed.may_save
    assert not changed.giftable


def test_prices_change_on_sale_and_what_was_agreed_on_does_not(seller: User) -> None:
    listing = put_on_sale(seller)

    changed = services.update_listing(
        listing_id=listing.pk,
        seller=seller,
        details=_details(Money(1_000, "KRW"), pricing="open", suggested=Money(2_000, "KRW")),
    )
    with pytest.raises(PricingError) as refused:
        services.update_listing(
            listing_id=listing.pk,
            seller=seller,
            details=_details(Money(1_000, "KRW"), pricing="subscription", interval="month"),
        )

    assert changed.is_open
    assert changed.suggestion == Money(2_000, "KRW")
    assert refused.value.field == "pricing"
    assert Listing.objects.get(pk=listing.pk).pricing == "open"


def test_subscribers_keep_the_interval_that_they_agreed_to(seller: User) -> None:
    listing = put_on_sale(
        seller, _details(Money(5_000, "KRW"), pricing="subscription", interval="month")
    )

    with pytest.raises(PricingError) as refused:
        services.update_listing(
            listing_id=listing.pk,
            seller=seller,
            details=_details(Money(5_000, "KRW"), pricing="subscription", interval="year"),
        )

    assert refused.value.field == "interval"


def test_details_without_pricing_leave_it_as_it_is(seller: User) -> None:
    listing = put_on_sale(seller, _details(Money(3_000, "KRW"), pricing="open", copies=7))

    changed = services.update_listing(
        listing_id=listing.pk, seller=seller, details=make_details(price=Money(4_000, "KRW"))
    )

    assert changed.is_open
    assert changed.copies == 7
    assert queries.price_now(changed, NOW + dt.timedelta(days=1)) == Money(4_000, "KRW")
