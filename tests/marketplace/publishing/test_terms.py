"""What a seller offers, and how the pages say it to both sides."""

from __future__ import annotations

import datetime as dt

import pytest
from django.test import Client
from pytest_django import Settings

from marketplace.catalog.errors import ListingNotReadyError, TermsError
from marketplace.catalog.models import Listing
from marketplace.catalog.offers import promises, withdrawal
from marketplace.catalog.terms import rights_of, set_terms
from marketplace.catalog.types import SaleTerms
from marketplace.publishing.forms import RightsForm
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db

RENT = {"rights": "rent", "rental_hours": "48", "start_days": "30"}
HOUR, DAY = 3_600, 86_400


def _form(**data: str) -> RightsForm:
    return RightsForm(data, listing=Listing())


@pytest.mark.parametrize(
    ("data", "terms"),
    [
        ({"rights": "play"}, SaleTerms()),
        ({"rights": "save"}, SaleTerms(may_save=True)),
        (RENT, SaleTerms(rental_hours=48, start_days=30)),
        (RENT | {"plays": "3"}, SaleTerms(rental_hours=48, start_days=30, plays=3)),
        (RENT | {"giftable": "on"}, SaleTerms(rental_hours=48, start_days=30, giftable=True)),
        # What is put away on the page counts for nothing, whatever stands in it.
        (RENT | {"rights": "play", "plays": "3"}, SaleTerms()),
        (RENT | {"rights": "play", "rental_hours": "0", "plays": "many"}, SaleTerms()),
        (RENT | {"lend_days": "5000"}, SaleTerms(rental_hours=48, start_days=30)),
        (
            RENT | {"lend_days": "7", "transferable": "on"},
            SaleTerms(rental_hours=48, start_days=30),
        ),
        (
            {"rights": "play", "lend_days": "14", "transferable": "on", "giftable": "on"},
            SaleTerms(lend_days=14, transferable=True, giftable=True),
        ),
    ],
)
def test_the_form_says_what_is_offered(data: dict[str, str], terms: SaleTerms) -> None:
    form = _form(**data)

    assert form.is_valid(), form.errors
    assert form.terms == terms


@pytest.mark.parametrize(
    ("data", "field"),
    [
        ({"rights": "lease"}, "rights"),
        (RENT | {"rental_hours": ""}, "rental_hours"),
        (RENT | {"rental_hours": "0"}, "rental_hours"),
        (RENT | {"rental_hours": "8761"}, "rental_hours"),
        (RENT | {"start_days": ""}, "start_days"),
        (RENT | {"start_days": "-1"}, "start_days"),
        (RENT | {"plays": "0"}, "plays"),
        ({"rights": "play", "lend_days": "366"}, "lend_days"),
    ],
)
def test_what_cannot_be_offered_is_said_at_its_field(data: dict[str, str], field: str) -> None:
    form = _form(**data)

    assert not form.is_valid()
    assert set(form.errors) == {field}


def test_a_number_out_of_its_range_is_told_the_range() -> None:
    form = _form(**RENT | {"start_days": "0", "plays": "1001"})

    assert form.errors["start_days"] == ["Choose from 1 to 365."]
    assert form.errors["plays"] == ["Choose from 1 to 1000."]


@pytest.mark.parametrize(
    ("terms", "field"),
    [
        (SaleTerms(rental_hours=48), "start_days"),
        (SaleTerms(start_days=3), "rental_hours"),
        (SaleTerms(plays=3), "rental_hours"),
        (SaleTerms(rental_hours=48, start_days=3, may_save=True), "may_save"),
        (SaleTerms(rental_hours=48, start_days=3, lend_days=3), "lend_days"),
        (SaleTerms(rental_hours=48, start_days=3, transferable=True), "transferable"),
        (SaleTerms(lend_days=0), "lend_days"),
    ],
)
def test_terms_that_do_not_fit_together_are_refused(terms: SaleTerms, field: str) -> None:
    listing = sell()
    Listing.objects.update(status="draft")

    with pytest.raises(TermsError) as refused:
        set_terms(listing_id=listing.pk, seller=listing.seller, terms=terms)

    assert refused.value.field == field


def test_what_is_on_sale_keeps_its_terms() -> None:
    listing = sell()

    with pytest.raises(ListingNotReadyError):
        set_terms(listing_id=listing.pk, seller=listing.seller, terms=SaleTerms(giftable=True))


def test_the_rights_of_an_offer_are_those_of_the_format() -> None:
    lasting = Listing(may_save=True, lend_days=14, transferable=True, giftable=True)
    rented = Listing(rental_hours=48, start_days=30, plays=3)

    assert rights_of(lasting) == {
        "play": True, "save": True, "transfer": True, "lend": 14 * DAY, "gift": True,
    }  # fmt: skip
    assert rights_of(rented) == {
        "play": True, "save": False, "play_window": 48 * HOUR, "play_count": 3,
        "play_start_grace": 60, "soft_end": True, "hard_cap": 4 * HOUR,
        "lease": {"duration": 72 * HOUR, "grace": 24 * HOUR},
    }  # fmt: skip


@pytest.mark.parametrize(
    ("terms", "said", "not_said"),
    [
        (SaleTerms(), ["for good", "plays only"], ["rent it", "lend it", "96 hours"]),
        (SaleTerms(may_save=True), ["Save the files"], ["plays only"]),
        (
            SaleTerms(lend_days=14, transferable=True, giftable=True),
            ["up to 14 days", "pass it on", "give it away"],
            ["rent it"],
        ),
        (
            SaleTerms(rental_hours=48, start_days=30, plays=3),
            ["48 hours from your first play", "within 30 days", "plays 3 times", "every 72 hours"],
            ["as often as you like", "Once it is on your computer it opens without"],
        ),
    ],
)
def test_seller_and_buyer_read_the_same(
    client: Client, terms: SaleTerms, said: list[str], not_said: list[str]
) -> None:
    listing = sell(terms=terms)
    own, other = Client(), Client()
    own.force_login(listing.seller)
    other.force_login(make_person())

    pages = [
        client.get(f"/l/{listing.pk}/"),
        other.get(f"/buy/{listing.pk}/"),
        own.get(f"/studio/{listing.pk}/files/"),
    ]

    rental = terms.rental_hours is not None
    for answer in pages:
        page = answer.content.decode()
        assert withdrawal(rental=rental) in page
        assert all(promise.text in page for promise in promises(listing))
        assert all(words in page for words in said)
        assert not any(words in page for words in not_said)


def test_a_rental_is_rented_and_not_bought(client: Client) -> None:
    rented = client.get(f"/l/{sell(terms=SaleTerms(rental_hours=48, start_days=30)).pk}/")
    bought = client.get(f"/l/{sell().pk}/")

    assert ">Rent</a>" in rented.content.decode()
    assert "Yours for good" not in rented.content.decode()
    assert ">Buy</a>" in bought.content.decode()


def test_the_times_of_a_lease_are_the_operators(settings: Settings) -> None:
    assert "96 hours at most" in withdrawal(rental=True)
    assert "never connects keeps it" in withdrawal(rental=False)

    settings.LEASE_DURATION = dt.timedelta(hours=1)
    settings.LEASE_GRACE = dt.timedelta(0)

    rights = rights_of(Listing(rental_hours=1, start_days=1))

    assert rights["lease"] == {"duration": HOUR, "grace": 0}
    assert "1 hour at most" in withdrawal(rental=True)
