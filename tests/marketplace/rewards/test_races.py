"""Runs at once: a pool is shared out once, bytes are paid for once, credit is given once."""

from __future__ import annotations

import pytest
from pytest_django import Settings

from marketplace.ledger import services as ledger
from marketplace.orders.services import mark_spent
from marketplace.rewards import services as rewards
from marketplace.rewards.models import ClosedPool, Reward
from marketplace.rewards.policy import RewardPolicy
from tests.marketplace.rewards.sales import (
    NOW,
    Receipts,
    bought,
    credit_of,
    days,
    give_back,
    left,
    settle,
)
from tests.marketplace.rivals import at_once
from tests.marketplace.trade import make_person, sell

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

CLOSES, MATURES = 14, 122


def whole() -> None:
    assert [*ledger.faults(), *rewards.faults()] == []


def test_runs_at_once_close_and_give_once() -> None:
    bob, song, receipts = make_person("bob"), sell(), Receipts()
    for number in range(3):
        buyer = make_person(f"buyer-{number}")
        bought(buyer, song)
        receipts.add(buyer, bob, 10**9)

    at_once(lambda _number: rewards.settle(now=NOW, as_of=days(CLOSES), delivered_to=receipts))
    at_once(lambda _number: rewards.settle(now=NOW, as_of=days(MATURES), delivered_to=receipts))
    settle(receipts, day=MATURES)  # what a rival held up is done by the next run

    assert ClosedPool.objects.count() == Reward.objects.count() == 3
    assert credit_of(bob) == 891
    whole()


def test_two_orders_of_one_buyer_do_not_pay_for_the_same_bytes() -> None:
    ada, bob, song, receipts = make_person("ada"), make_person("bob"), sell(), Receipts()
    first = bought(ada, song)
    mark_spent(order_id=first.pk)
    bought(ada, song)
    assert song.package is not None
    receipts.add(ada, bob, song.package.sealed_size)

    at_once(lambda _number: rewards.settle(now=NOW, as_of=days(CLOSES), delivered_to=receipts))
    settle(receipts, day=MATURES)

    assert sum(Reward.objects.values_list("bytes", flat=True)) == song.package.sealed_size
    assert credit_of(bob) == 297
    whole()


def test_the_reserve_is_not_overdrawn_by_runs_at_once(settings: Settings) -> None:
    settings.REWARDS = RewardPolicy(reserve={"KRW": 300})
    song, receipts = sell(), Receipts()
    senders = [make_person(f"sender-{number}") for number in range(3)]
    for number, sender in enumerate(senders):
        buyer = make_person(f"buyer-{number}")
        bought(buyer, song)
        receipts.add(buyer, sender, 10**9)

    at_once(lambda _number: rewards.settle(now=NOW, as_of=days(CLOSES), delivered_to=receipts))
    settle(receipts, day=CLOSES)

    assert sum(credit_of(sender) for sender in senders) == 297
    whole()


def test_a_refund_while_rewards_are_given_takes_them_or_the_sellers_own() -> None:
    ada, bob, song, receipts = make_person("ada"), make_person("bob"), sell(), Receipts()
    order = bought(ada, song)
    receipts.add(ada, bob, 10**9)
    settle(receipts, day=CLOSES)

    def act(number: int) -> None:
        if number == 0:
            give_back(order)
        else:
            rewards.settle(now=NOW, as_of=days(MATURES), delivered_to=receipts)

    at_once(act)

    given = credit_of(bob)
    assert given in (0, 297)
    assert left(order) == ({"seller": -297} if given else {})
    whole()
