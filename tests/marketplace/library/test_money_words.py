"""What the library and the seeder's list say when the money for a purchase moves."""

from __future__ import annotations

import pytest

from seeder.library import parse_library
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.api.calling import call
from tests.marketplace.licensing.tables import Case
from tests.marketplace.trade import log_in_device, sell

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("kind", "told", "says"),
    [
        ("purchase", "dispute_opened d1", "A bank is asking about the payment for this."),
        ("purchase", "dispute_lost d1", "The bank took the money for it back on"),
        ("purchase", "payment_failed p1", "The payment for it failed on"),
        ("purchase", "withdrawn w1", "You withdrew from the purchase on"),
        ("purchase", "refunded r1", "Your money went back on"),
        ("gift", "dispute_lost d1", "The payment of whoever had bought it failed on"),
        ("gift", "refunded r1", "The money went back to whoever had bought it on"),
    ],
)
def test_the_page_says_how_the_money_went(kind: str, told: str, says: str) -> None:
    case = Case(kind, sell())
    case.fire(told)

    page = browser_of(case.entitlement.user).get("/library/").content.decode()

    assert says in page
    assert ("You can buy it again." in page) == (told != "dispute_opened d1")


def test_a_present_that_waits_is_in_nobodys_library() -> None:
    case = Case("present", sell(title="Mine to give"))

    page = browser_of(case.buyer).get("/library/").content.decode()

    assert "Mine to give" not in page


@pytest.mark.parametrize(
    ("told", "state", "suspended"),
    [
        ("dispute_opened d1", "active", True),
        ("dispute_lost d1", "revoked", False),
        ("dispute_won d1", "active", False),
    ],
)
def test_a_seeder_reads_it_as_one_of_before_would(told: str, state: str, suspended: bool) -> None:
    case = Case("purchase", sell())
    desk = log_in_device(case.buyer)
    case.fire(told)

    [item] = parse_library(call(desk, "GET", "/api/v1/library").json())

    assert (item.state, item.suspended, item.active) == (state, suspended, state == "active")
