"""The model itself: it is content with what is right, and names what is not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.core.money import Money
from marketplace.discounts.models import Redemption
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, chart, move
from marketplace.orders.models import Order
from marketplace.payments.models import Refund
from tests.marketplace.money.scene import Scene
from tests.marketplace.money.tills import DirectTill
from tests.marketplace.money.truth import deviations
from tests.marketplace.trade import make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def scene(settings: Settings) -> Iterator[Scene]:
    """A market within this process, whose first buyer has ₩4,000 of credit."""
    till = DirectTill()
    settings.STRIPE_API_BASE = till.base
    settings.STRIPE_TRANSPORT = lambda _base: till.transport
    ada, bob = make_seller("Ada's"), make_seller("Bob's")
    listings = [sell(seller, title=f"{n}") for n, seller in enumerate([ada, ada, bob, bob])]
    made = Scene(till, listings, Counter())
    ledger.grant_credit(
        user_id=made.buyers[0].pk,
        amount=Money(4_000, "KRW"),
        source="gift",
        at=timezone.now(),
        reason="",
    )
    made.granted[0] = 4_000
    yield made
    till.close()


def buy(scene: Scene) -> None:
    """Two things of two sellers, with a code of the first and all the credit, paid by card."""
    scene.buy(0, 0, 3, code=0, credit=True)
    scene.pay(0, 0, 0)
    scene.calm_down()
    assert [order.state for order in Order.objects.all()] == ["paid", "paid"]
    assert sum(order.credit_minor for order in Order.objects.all()) == 4_000
    assert sum(order.discount_minor for order in Order.objects.all()) == 2_475


def test_a_purchase_with_code_and_credit_is_right(scene: Scene) -> None:
    buy(scene)

    assert deviations(scene) == []


@pytest.mark.parametrize("part", [None, 7_300])
def test_a_refund_in_cash_and_credit_is_right(scene: Scene, part: int | None) -> None:
    buy(scene)

    scene.refund(0, part)  # of one of them it is more than was paid in cash
    scene.refund(1, part)
    scene.calm_down()

    assert scene.done["refund"] == 2
    assert any(refund.credit_minor for refund in Refund.objects.all())
    assert deviations(scene) == []


@pytest.mark.parametrize("won", [True, False])
def test_a_dispute_of_what_was_paid_with_credit_is_right(scene: Scene, won: bool) -> None:
    buy(scene)

    scene.dispute(0)
    scene.calm_down()
    assert deviations(scene) == []
    scene.decide(0, won=won)
    scene.calm_down()

    assert {order.state for order in Order.objects.all()} == {"paid" if won else "charged_back"}
    assert deviations(scene) == []


def test_all_paid_by_credit_is_right(scene: Scene) -> None:
    scene.earn(0, 9)  # ₩8,974 more
    scene.buy(0, 1, None, credit=True)
    scene.calm_down()
    assert Order.objects.get().state == "paid"
    assert deviations(scene) == []

    scene.refund(0, None)
    scene.calm_down()

    assert Order.objects.get().state == "refunded"
    assert deviations(scene) == []


def test_a_page_that_is_left_gives_code_and_credit_back(scene: Scene) -> None:
    scene.buy(0, 0, None, code=0, credit=True)
    assert deviations(scene) == []

    scene.end_page(0)
    scene.calm_down()

    assert Order.objects.get().state == "expired"
    assert deviations(scene) == []


def test_credit_that_is_given_twice_is_named(scene: Scene) -> None:
    buy(scene)

    ledger.grant_credit(
        user_id=scene.buyers[0].pk,
        amount=Money(4_001, "KRW"),
        source="again",
        at=timezone.now(),
        reason="",
    )

    [found] = deviations(scene)
    assert "was granted 4000, and the books say 8001" in found


def test_credit_that_is_not_spent_is_named(scene: Scene) -> None:
    buy(scene)
    order = Order.objects.all()[0]

    ledger.post(
        kind=EntryKind.REFUND,
        source="odd",
        at=timezone.now(),
        lines=move(
            debit=chart.seller(order.listing.seller_id, "KRW"),
            credit=chart.credit(scene.buyers[0].pk, "KRW"),
            minor=500,
        ),
    )

    assert any("500 left" in found for found in deviations(scene))


def test_a_use_of_a_code_that_is_free_again_is_named(scene: Scene) -> None:
    buy(scene)

    Redemption.objects.update(state="released")

    [found] = deviations(scene)
    assert "is released, and should be used" in found


def test_a_code_that_is_used_too_often_is_named(scene: Scene) -> None:
    for first in (0, 1):
        scene.buy(0, first, None, code=0)
        scene.pay(first, 0, 0)
    scene.calm_down()
    assert deviations(scene) == []
    scene.buy(1, 0, None, code=0)
    assert scene.done["buy with a code refused"] == 1

    Redemption.objects.create(
        code=scene.codes[0],
        buyer=scene.buyers[1],
        bill_id=scene.buyers[1].pk,
        amount_minor=1,
        currency="KRW",
        changed_at=timezone.now(),
    )

    assert any("3 bills have the code" in found for found in deviations(scene))
