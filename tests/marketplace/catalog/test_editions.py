from __future__ import annotations

import uuid

import pytest

from marketplace.accounts.types import User
from marketplace.catalog import queries, services
from marketplace.catalog.errors import PricingError, SoldOutError
from marketplace.catalog.models import EditionCopy, Listing
from marketplace.catalog.types import ListingDetails, PriceTerms
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db
ORDERS = [uuid.UUID(int=number) for number in range(1, 6)]


@pytest.fixture
def seller() -> User:
    return make_seller()


def _edition(copies: int | None) -> ListingDetails:
    plain = make_details()
    return ListingDetails(
        title=plain.title,
        description="",
        price=plain.price,
        category=plain.category,
        pricing=PriceTerms(copies=copies),
    )


def _take(listing: Listing, order: uuid.UUID) -> int | None:
    return services.take_copy(listing_id=listing.pk, order_id=order, now=NOW)


def test_each_order_has_a_copy_of_its_own_until_none_is_left(seller: User) -> None:
    listing = put_on_sale(seller, _edition(2))

    numbers = [_take(listing, order) for order in ORDERS[:2]]
    with pytest.raises(SoldOutError):
        _take(listing, ORDERS[2])

    assert numbers == [1, 2]
    assert _take(listing, ORDERS[0]) == 1
    assert queries.copies_left(listing) == 0
    assert EditionCopy.objects.count() == 2


def test_a_copy_that_comes_back_is_sold_again_under_its_number(seller: User) -> None:
    listing = put_on_sale(seller, _edition(2))
    for order in ORDERS[:2]:
        _take(listing, order)

    assert services.return_copy(order_id=ORDERS[0], now=NOW)
    assert not services.return_copy(order_id=ORDERS[0], now=NOW)
    assert queries.copies_left(listing) == 1
    assert _take(listing, ORDERS[2]) == 1
    with pytest.raises(SoldOutError):
        _take(listing, ORDERS[0])  # paid late, when its copy had gone to another

    assert queries.copy_of(ORDERS[0]) is None
    copy = queries.copy_of(ORDERS[2])
    assert copy is not None
    assert copy.number == 1


def test_an_order_that_is_paid_late_gets_a_copy_where_one_is_left(seller: User) -> None:
    listing = put_on_sale(seller, _edition(1))
    _take(listing, ORDERS[0])
    services.return_copy(order_id=ORDERS[0], now=NOW)

    assert _take(listing, ORDERS[0]) == 1
    assert EditionCopy.objects.count() == 1


def test_without_a_limit_no_copy_is_counted(seller: User) -> None:
    listing = put_on_sale(seller)

    assert _take(listing, ORDERS[0]) is None
    assert queries.copies_left(listing) is None
    assert not services.return_copy(order_id=ORDERS[0], now=NOW)
    assert not EditionCopy.objects.exists()


def test_an_edition_is_never_smaller_than_what_is_sold_of_it(seller: User) -> None:
    listing = put_on_sale(seller, _edition(3))
    for order in ORDERS[:2]:
        _take(listing, order)

    with pytest.raises(PricingError) as refused:
        services.update_listing(listing_id=listing.pk, seller=seller, details=_edition(1))
    services.update_listing(listing_id=listing.pk, seller=seller, details=_edition(2))

    assert refused.value.field == "copies"
    assert queries.copies_left(Listing.objects.get(pk=listing.pk)) == 0
