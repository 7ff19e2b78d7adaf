"""A last use and many who want it: on SQLite's one write lock here, on PostgreSQL by marker."""

from __future__ import annotations

import uuid

import pytest

from marketplace.discounts import services
from marketplace.discounts.errors import CodeUsedByYouError, CodeUsedUpError
from marketplace.discounts.models import Redemption
from tests.marketplace.discounts.coding import NOW, make_code, reserve
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.trade import make_person, make_seller

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_eight_buyers_and_one_use() -> None:
    code = make_code(make_seller(), total_limit=1)
    buyers = [make_person(f"buyer-{number}") for number in range(RIVALS)]

    outcomes = at_once(lambda number: reserve(code, buyers[number]))

    assert sum(isinstance(outcome, CodeUsedUpError) for outcome in outcomes) == RIVALS - 1
    assert Redemption.objects.get().state == "reserved"


def test_one_buyer_in_eight_windows_has_one_use() -> None:
    code, ada = make_code(make_seller(), buyer_limit=1), make_person()

    outcomes = at_once(lambda _: reserve(code, ada))

    assert sum(isinstance(outcome, CodeUsedByYouError) for outcome in outcomes) == RIVALS - 1
    assert Redemption.objects.count() == 1


def test_paid_and_expired_at_once_is_paid() -> None:
    code, ada, bill = make_code(make_seller()), make_person(), uuid.uuid4()
    reserve(code, ada, bill_id=bill)
    ways = [services.use, services.release]

    outcomes = at_once(lambda number: ways[number % 2](bill_id=bill, now=NOW))

    assert sum(outcomes[::2]) == 1  # news once
    assert Redemption.objects.get().state == "used"


def test_what_expires_goes_to_one_of_those_who_wait() -> None:
    code, bill = make_code(make_seller(), total_limit=1), uuid.uuid4()
    reserve(code, make_person(), bill_id=bill)
    buyers = [make_person(f"buyer-{number}") for number in range(RIVALS)]

    def rival(number: int) -> object:
        if number == 0:
            return services.release(bill_id=bill, now=NOW)
        return reserve(code, buyers[number])

    outcomes = at_once(rival)

    assert outcomes[0] is True
    assert Redemption.objects.filter(state="reserved").count() <= 1
    assert Redemption.objects.filter(state="released").count() == 1
