from __future__ import annotations

import uuid

import pytest
from django.utils import translation
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.accounts.types import User
from marketplace.catalog import queries, services
from marketplace.catalog.bundles import bundle_offer
from marketplace.catalog.errors import (
    BundleNotFoundError,
    BundleNotReadyError,
    PriceError,
    PricingError,
)
from marketplace.catalog.models import Bundle, BundleItem, Listing
from marketplace.catalog.types import BundleDetails
from marketplace.core.money import Money
from tests.marketplace.catalog.making import NOW, make_details, make_seller, put_on_sale

pytestmark = pytest.mark.django_db


@pytest.fixture
def seller() -> User:
    return make_seller()


def _three(seller: User) -> list[Listing]:
    return [
        put_on_sale(seller, make_details(title=f"part {at}", price=Money(price, "KRW")))
        for at, price in enumerate((10_000, 10_000, 5_000))
    ]


def _details(
    listings: list[Listing], price: Money | None = None, title: str = "Everything"
) -> BundleDetails:
    return BundleDetails(
        title=title,
        description="",
        price=price or Money(17_000, "KRW"),
        listing_ids=tuple(listing.pk for listing in listings),
    )


def _on_sale(seller: User, listings: list[Listing], price: Money | None = None) -> Bundle:
    bundle = services.create_bundle(seller=seller, details=_details(listings, price))
    services.publish_bundle(bundle_id=bundle.pk, seller=seller, now=NOW)
    return queries.bundle_for_view(bundle.pk, seller)


def test_shares_add_up_to_the_price(seller: User) -> None:
    offer = bundle_offer(_on_sale(seller, _three(seller)), owned=(), now=NOW)

    assert [line.price.minor for line in offer.lines] == [6_800, 6_800, 3_400]
    assert offer.price == Money(17_000, "KRW")
    assert offer.apart == Money(25_000, "KRW")
    assert offer.taken_off == Money(0, "KRW")


def test_the_share_of_what_is_owned_is_taken_off(seller: User) -> None:
    listings = _three(seller)
    bundle = _on_sale(seller, listings)

    offer = bundle_offer(bundle, owned={listings[0].pk}, now=NOW)

    assert offer.price == Money(10_200, "KRW")
    assert offer.taken_off == Money(6_800, "KRW")
    assert [line.listing.pk for line in offer.bought] == [listings[1].pk, listings[2].pk]
    assert [line.owned for line in offer.lines] == [True, False, False]


def test_what_is_off_sale_is_left_out_with_its_share(seller: User) -> None:
    listings = _three(seller)
    bundle = _on_sale(seller, listings)
    services.withdraw_listing(listing_id=listings[2].pk, seller=seller)

    offer = bundle_offer(queries.bundle_for_view(bundle.pk, seller), owned=(), now=NOW)

    assert offer.price == Money(13_600, "KRW")
    assert [line.available for line in offer.lines] == [True, True, False]


def test_no_part_costs_more_in_the_bundle_than_alone(seller: User) -> None:
    listings = _three(seller)
    bundle = _on_sale(seller, listings)
    services.update_listing(
        listing_id=listings[1].pk,
        seller=seller,
        details=make_details(title="part 1", price=Money(0, "KRW")),
    )

    offer = bundle_offer(queries.bundle_for_view(bundle.pk, seller), owned=(), now=NOW)

    # The shares are 11,333 and 5,667 now; alone they cost 10,000 and 5,000.
    assert [line.price.minor for line in offer.lines] == [10_000, 0, 5_000]
    assert offer.price == offer.apart


def test_a_rest_that_no_card_can_be_charged_is_free(seller: User) -> None:
    listings = _three(seller)
    bundle = _on_sale(seller, listings, Money(300, "KRW"))

    offer = bundle_offer(bundle, owned={listings[0].pk, listings[1].pk}, now=NOW)

    assert offer.price == Money(0, "KRW")
    assert offer.bought[0].price == Money(0, "KRW")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    prices=st.lists(st.integers(10, 9_999), min_size=2, max_size=8),
    per_cent=st.integers(1, 99),
    mask=st.integers(0, 255),
)
def test_shares_are_exact_whatever_the_prices(prices: list[int], per_cent: int, mask: int) -> None:
    bundle = Bundle(price_minor=sum(prices) * per_cent // 100 * 10, currency="KWD")
    listings = [
        Listing(pk=uuid.uuid4(), status="on_sale", price_minor=price * 10, currency="KWD")
        for price in prices
    ]
    # As rows that were read together: an example costs no query.
    for listing in listings:
        listing._prefetched_objects_cache = {"sale_periods": []}  # type: ignore[attr-defined]
    items = [BundleItem(bundle=bundle, listing=listing) for listing in listings]
    bundle._prefetched_objects_cache = {"items": items}  # type: ignore[attr-defined]
    owned = {listing.pk for at, listing in enumerate(listings) if mask >> at & 1}

    whole = bundle_offer(bundle, owned=(), now=NOW)
    rest = bundle_offer(bundle, owned=owned, now=NOW)

    least = bundle.price.unit.minimum
    assert whole.price.minor == (bundle.price_minor if bundle.price_minor >= least else 0)
    assert rest.price.minor + rest.taken_off.minor == bundle.price_minor
    assert rest.price.minor == sum(line.price.minor for line in rest.lines)
    assert rest.price.minor % 10 == 0
    assert rest.price.minor == 0 or rest.price.minor >= least
    assert all(line.price.minor <= line.listing.price_minor for line in rest.lines)
    assert all(line.price.minor == 0 for line in rest.lines if line.owned)


def test_a_bundle_costs_less_than_its_parts(seller: User) -> None:
    with translation.override("en"), pytest.raises(PriceError, match="cost ₩25,000"):
        services.create_bundle(
            seller=seller, details=_details(_three(seller), Money(25_000, "KRW"))
        )

    assert not Bundle.objects.exists()


def test_a_bundle_is_of_ones_own_listings_in_one_currency_that_are_on_sale(seller: User) -> None:
    rival = make_seller("Rival", "rival@example.org")
    mine = put_on_sale(seller)
    theirs = put_on_sale(rival, make_details(title="theirs"))
    dollars = put_on_sale(seller, make_details(title="dollars", price=Money(900, "USD")))
    draft = services.create_listing(seller=seller, details=make_details(title="draft"))

    for other in (theirs, dollars, draft, mine):
        with pytest.raises(PricingError) as refused:
            services.create_bundle(
                seller=seller, details=_details([mine, other], Money(1_000, "KRW"))
            )
        assert refused.value.field == "listings"

    assert not Bundle.objects.exists()


def test_a_bundle_goes_on_sale_and_off_again(seller: User) -> None:
    rival = make_seller("Rival", "rival@example.org")
    listings = _three(seller)
    bundle = services.create_bundle(seller=seller, details=_details(listings))

    with pytest.raises(BundleNotFoundError):
        queries.bundle_for_view(bundle.pk, rival)
    services.publish_bundle(bundle_id=bundle.pk, seller=seller, now=NOW)
    assert queries.bundle_for_view(bundle.pk, rival) == bundle
    assert list(queries.bundles_with(listings[0].pk)) == [bundle]
    assert list(queries.bundles_on_sale(seller.pk)) == [bundle]
    for change in (services.withdraw_bundle, lambda **kw: services.publish_bundle(**kw, now=NOW)):
        with pytest.raises(BundleNotFoundError):
            change(bundle_id=bundle.pk, seller=rival)
    services.withdraw_bundle(bundle_id=bundle.pk, seller=seller)
    with pytest.raises(BundleNotFoundError):
        queries.bundle_for_view(bundle.pk, rival)


def test_a_bundle_needs_two_listings_on_sale_to_be_offered(seller: User) -> None:
    listings = _three(seller)
    bundle = services.create_bundle(seller=seller, details=_details(listings))
    for listing in listings[1:]:
        services.withdraw_listing(listing_id=listing.pk, seller=seller)

    with pytest.raises(BundleNotReadyError):
        services.publish_bundle(bundle_id=bundle.pk, seller=seller, now=NOW)

    assert Bundle.objects.get().status == "draft"


def test_the_order_of_the_listings_is_the_sellers(seller: User) -> None:
    listings = _three(seller)
    bundle = services.create_bundle(seller=seller, details=_details(listings))

    services.update_bundle(
        bundle_id=bundle.pk, seller=seller, details=_details(listings[::-1], title=" Other  name ")
    )

    kept = queries.own_bundle(bundle.pk, seller)
    assert kept.title == "Other name"
    assert [item.listing_id for item in kept.items.all()] == [each.pk for each in listings[::-1]]
