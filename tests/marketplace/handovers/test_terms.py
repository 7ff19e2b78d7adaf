"""What a listing sells is what can be handed over: terms, versions, rentals."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.utils import timezone

from marketplace.catalog.types import SaleTerms
from marketplace.handovers import services
from marketplace.handovers.models import Handover
from marketplace.licensing.models import Licence
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.api.calling import call
from tests.marketplace.handovers.handing import (
    Person,
    act,
    asked,
    begin,
    fetch,
    let_go,
    offer,
    own,
)
from tests.marketplace.trade import FLAC, buy, sell, sell_next

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [
        (SaleTerms(), set()),
        (SaleTerms(lend_days=7), {"loan"}),
        (SaleTerms(transferable=True), {"transfer"}),
        (SaleTerms(giftable=True, may_save=True), {"gift"}),
        (SaleTerms(lend_days=7, transferable=True, giftable=True), {"loan", "transfer", "gift"}),
    ],
)
def test_the_listings_terms_at_the_purchase_decide(
    ada: Person, terms: SaleTerms, kinds: set[str]
) -> None:
    listing = sell(terms=terms)
    bought = buy(ada.user, listing)
    listing.lend_days, listing.transferable, listing.giftable = 30, True, True
    listing.save()

    _entitlement, choices = services.what_to_offer(ada.user, bought.pk)

    assert {choice.kind for choice in choices} == kinds
    assert {choice.most_days for choice in choices if choice.kind == "loan"} <= {7}


def test_the_page_says_why_an_opened_purchase_is_no_gift(ada: Person) -> None:
    what = own(ada, lend=None)
    page = f"/handovers/offer/{what.pk}/"
    before = ada.browser.get(page).content.decode()

    fetch(ada.device(), what.package_id)

    after = ada.browser.get(page).content.decode()
    assert ("cannot be given away" in before, "cannot be given away" in after) == (False, True)
    assert ('value="gift"' in before, 'value="gift"' in after) == (True, False)
    assert 'value="transfer"' in after


def test_no_field_of_an_offer_is_called_optional(ada: Person) -> None:
    page = ada.browser.get(f"/handovers/offer/{own(ada).pk}/").content.decode()

    assert 'name="days"' in page
    assert "(optional)" not in page


def test_what_only_opens_when_it_is_saved_is_not_lent(ada: Person) -> None:
    terms = SaleTerms(may_save=True, lend_days=7, transferable=True)
    tool = {"tool.zip": b"PK\x03\x04" + bytes(500)}
    bought = buy(ada.user, sell(terms=terms, files=tool))

    _entitlement, choices = services.what_to_offer(ada.user, bought.pk)

    assert {choice.kind for choice in choices} == {"transfer"}


def test_every_version_that_a_device_holds_is_given_back(ada: Person, eve: Person) -> None:
    listing = sell(terms=SaleTerms(transferable=True))
    first = buy(ada.user, listing).package_id
    second = str(sell_next(listing, data=FLAC + b"remastered").package_id)
    desk = ada.device()
    for package in (first, second):
        assert fetch(desk, package).status_code == 200
    begin(ada, eve, ada.entitlement(first), "transfer")

    requests = asked(desk)
    assert {request.package_id for request in requests} == {first, second}
    assert let_go(desk) == ["surrendering", "done"]

    hers = eve.device()
    for package in (first, second):
        assert fetch(hers, package).status_code == 200
        assert fetch(desk, package).status_code == 403
    assert Licence.objects.filter(surrendered_at=None).count() == 2


def test_an_unopened_rental_can_be_given_and_begins_at_the_receivers(
    ada: Person, eve: Person
) -> None:
    rented = buy(ada.user, sell(terms=SaleTerms(rental_hours=48, start_days=30, giftable=True)))

    begin(ada, eve, rented, "gift")

    given = eve.entitlement(rented.package_id)
    assert (given.kind, given.rights) == ("gift", rented.rights)
    assert (given.start_by, given.expires_at) == (rented.start_by, rented.expires_at)
    hers = eve.device()
    licence = fetch(hers, rented.package_id).json()["id"]
    lease = call(hers, "POST", f"/api/v1/licences/{licence}/lease")
    assert lease.status_code == 200, lease.content


def test_a_rental_that_ran_out_is_no_gift(ada: Person, eve: Person) -> None:
    rented = buy(ada.user, sell(terms=SaleTerms(rental_hours=48, start_days=30, giftable=True)))

    with time_machine.travel(timezone.now() + dt.timedelta(days=31)):
        ada.browser = browser_of(ada.user)
        answer = offer(ada, rented, "gift", eve.user.email)

    assert answer.status_code == 422
    assert not Handover.objects.exists()


def test_a_borrower_gets_leases_that_end_with_the_loan(ada: Person, eve: Person) -> None:
    what = own(ada)
    made = begin(ada, eve, what, "loan", days=1)
    hers = eve.device()
    licence = fetch(hers, what.package_id).json()["id"]
    path = f"/api/v1/licences/{licence}/lease"

    assert call(hers, "POST", path).status_code == 200
    act(eve, made, "return")
    refused = call(hers, "POST", path, body={"nonce": "0123456789abcdeg", "counter": 1})

    assert (refused.status_code, refused.json()["code"]) == (409, "handing_over")
