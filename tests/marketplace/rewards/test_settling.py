"""A delivery pool from the sale on: closed, given, or taken back with the sale."""

from __future__ import annotations

import datetime as dt

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.ledger import services as ledger
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement
from marketplace.orders.services import mark_spent
from marketplace.payments.models import Payment, Refund
from marketplace.rewards import services as rewards
from marketplace.rewards.models import ClosedPool, Reward
from marketplace.rewards.policy import RewardPolicy, reward_policy
from tests.marketplace.rewards.sales import (
    NOW,
    Receipts,
    book,
    bought,
    credit_of,
    dispute,
    give_back,
    left,
    pay_back,
    settle,
    win,
)
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db

CLOSES, MATURES = 14, 122
SALE = {"seller": 8_613, "platform_fees": 990, "pool": 297}


def people(*names: str) -> list[User]:
    return [make_person(name) for name in names]


def size_of(listing: Listing) -> int:
    assert listing.package is not None
    return listing.package.sealed_size


def whole() -> None:
    assert [*ledger.faults(), *rewards.faults()] == []


def test_a_sale_funds_a_pool_out_of_what_the_seller_gets() -> None:
    order = bought(make_person(), sell())

    assert order.pool_minor == 297  # 3 % of ₩9,900
    assert left(order) == SALE


def test_nothing_is_set_aside_of_what_shop_credit_pays() -> None:
    ada, bob = people("ada", "bob")
    listing = sell()

    by_half, by_all = bought(ada, listing, credit=4_900), bought(bob, listing, credit=9_900)

    assert (by_half.pool_minor, by_all.pool_minor) == (150, 0)


def test_a_seller_sets_the_part_within_the_operators_bounds() -> None:
    listing = sell()
    Listing.objects.update(pool_bps=1_000)

    assert bought(make_person(), listing).pool_minor == 990


def test_who_delivered_earns_by_bytes_and_what_nobody_did_goes_back() -> None:
    ada, bob, eve = people("ada", "bob", "eve")
    listing = sell()
    order, receipts = bought(ada, listing), Receipts()
    size = size_of(listing)
    receipts.add(ada, bob, size // 2)
    receipts.add(ada, eve, size // 4)
    receipts.add(ada, None, size // 8)

    assert settle(receipts, day=CLOSES - 1).closed == 0
    assert settle(receipts, day=CLOSES).closed == 1
    assert settle(receipts, day=CLOSES).closed == 0

    pool = ClosedPool.objects.get()
    earned = dict(Reward.objects.values_list("sender_id", "earned_minor"))
    assert earned == {bob.pk: 149, eve.pk: 74}
    assert (pool.operator_minor, pool.seller_minor) == (37, 37)
    assert left(order) == {"seller": 8_613 + 37, "platform_fees": 990 + 37, "rewards": 223}
    assert (credit_of(bob), credit_of(eve)) == (0, 0)
    whole()


def test_rewards_become_credit_once_no_bank_disputes_the_sale() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    settle(receipts, day=CLOSES)

    settle(receipts, day=MATURES - 2)
    before = credit_of(bob)
    done = settle(receipts, day=MATURES)
    again = settle(receipts, day=MATURES + 1)

    assert (before, credit_of(bob)) == (0, 297)
    assert (done.given, again.given) == ({"KRW": 297}, {})
    assert left(order) == {"seller": 8_613, "platform_fees": 990}
    whole()


def test_a_refund_before_the_closing_takes_the_pool_back() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))

    give_back(order)
    settle(receipts, day=MATURES)

    assert left(order) == {}
    assert credit_of(bob) == 0
    assert not ClosedPool.objects.exists()
    whole()


def test_a_refund_before_it_is_credit_takes_the_reward_back() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    settle(receipts, day=CLOSES)

    give_back(order)
    settle(receipts, day=MATURES)

    assert left(order) == {}
    assert credit_of(bob) == 0
    whole()


def test_after_that_the_seller_bears_a_refund_and_nobodys_credit_falls() -> None:
    """Else a seller who is in league with buyer and deliverer has the shop pay them."""
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)

    give_back(order)

    assert credit_of(bob) == 297
    assert left(order) == {"seller": -297}
    whole()


def test_what_a_bank_takes_after_that_the_operator_bears() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)

    dispute(order)

    assert credit_of(bob) == 297
    assert left(order) == {"reward_losses": 297}
    whole()


def test_a_refund_of_a_part_makes_pool_and_rewards_that_much_smaller() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    pay_back(order, 3_300)

    settle(receipts, day=CLOSES)
    earned = left(order)["rewards"]
    pay_back(order, 3_300)
    settle(receipts, day=MATURES)

    assert (earned, credit_of(bob)) == (198, 99)
    assert left(order) == {"seller": 2_871, "platform_fees": 330}
    assert Reward.objects.get().given_minor == 99
    whole()


@pytest.mark.parametrize("state", [Refund.State.REQUESTED, Refund.State.PENDING])
def test_a_pool_waits_while_a_refund_is_under_way(state: str) -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    pay_back(order, 100, state=state)

    assert settle(receipts, day=MATURES).closed == 0
    assert credit_of(bob) == 0


def test_a_pool_waits_for_money_that_has_not_arrived() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell(), arrived=False), Receipts()
    receipts.add(ada, bob, size_of(listing))

    before = settle(receipts, day=CLOSES).closed
    Payment.objects.update(stripe_fee_minor=287)
    book(order)
    after = settle(receipts, day=CLOSES).closed

    assert (before, after) == (0, 1)


def test_a_dispute_takes_pending_rewards_and_winning_it_brings_them_back() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    settle(receipts, day=CLOSES)

    found = dispute(order)
    taken = left(order)
    waits = settle(receipts, day=MATURES).given
    win(found, order)
    settle(receipts, day=MATURES)

    assert (taken, waits) == ({}, {})
    assert credit_of(bob) == 297
    assert left(order) == {"seller": 8_613, "platform_fees": 990}
    whole()


def test_what_a_failed_refund_brings_back_to_a_closed_pool_is_the_sellers() -> None:
    ada, bob = people("ada", "bob")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing))
    refund = pay_back(order, 3_300)
    settle(receipts, day=CLOSES)

    Refund.objects.filter(pk=refund.pk).update(state=Refund.State.FAILED)
    book(order)
    settle(receipts, day=MATURES)

    assert credit_of(bob) == 198
    assert left(order) == {"seller": 8_613 + 99, "platform_fees": 990}
    whole()


def test_what_an_earlier_order_paid_for_a_later_one_does_not_pay_for() -> None:
    ada, bob = people("ada", "bob")
    listing, receipts = sell(), Receipts()
    first = bought(ada, listing)
    mark_spent(order_id=first.pk)
    second = bought(ada, listing)
    receipts.add(ada, bob, size_of(listing))

    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)

    assert credit_of(bob) == 297
    assert sorted([left(first)["seller"], left(second)["seller"]]) == [8_613, 8_910]
    whole()


def test_neither_receiver_nor_giver_nor_whoever_is_gone_earns() -> None:
    ada, bob, eve = people("ada", "bob", "eve")
    listing, receipts = sell(), Receipts()
    order = bought(ada, listing, recipient="bob@example.org")
    present = Entitlement.objects.get(order_id=order.pk)
    licensing.claim(entitlement_id=present.pk, user=bob, source="claim:1", now=NOW)
    User.objects.filter(pk=eve.pk).update(is_active=False)
    for sender in (ada, bob, eve):
        receipts.add(bob, sender, size_of(listing) // 3)

    settle(receipts, day=CLOSES)

    assert left(order) == {"seller": 8_910, "platform_fees": 990}
    assert not Reward.objects.exists()


def test_whoever_claims_a_present_is_its_receiver() -> None:
    ada, bob, eve = people("ada", "bob", "eve")
    listing, receipts = sell(), Receipts()
    order = bought(ada, listing, recipient="bob@example.org")
    present = Entitlement.objects.get(order_id=order.pk)
    licensing.claim(entitlement_id=present.pk, user=bob, source="claim:1", now=NOW)
    receipts.add(bob, eve, size_of(listing))

    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)

    assert credit_of(eve) == 297


def test_a_present_that_nobody_claimed_pays_nobody() -> None:
    order = bought(make_person(), sell(), recipient="bob@example.org")

    settle(Receipts(), day=CLOSES)

    assert left(order) == {"seller": 8_910, "platform_fees": 990}


def test_an_account_that_is_gone_at_the_end_leaves_its_reward_to_the_seller() -> None:
    ada, bob, eve = people("ada", "bob", "eve")
    order, receipts = bought(ada, listing := sell()), Receipts()
    receipts.add(ada, bob, size_of(listing) // 3)
    receipts.add(ada, eve, size_of(listing) - size_of(listing) // 3)
    settle(receipts, day=CLOSES)
    User.objects.filter(pk=bob.pk).update(is_active=False)

    settle(receipts, day=MATURES)

    assert (credit_of(bob), credit_of(eve)) == (0, 198)
    assert left(order)["seller"] == 8_613 + 99
    whole()


def test_the_reserve_bears_what_is_given_early_and_no_more(settings: Settings) -> None:
    settings.REWARDS = RewardPolicy(reserve={"KRW": 600})
    senders = people("bob", "eve", "kim")
    listing, receipts = sell(), Receipts()
    for number, sender in enumerate(senders):
        buyer = make_person(f"buyer-{number}")
        bought(buyer, listing)
        receipts.add(buyer, sender, size_of(listing))

    settle(receipts, day=CLOSES)
    early = sorted(credit_of(one) for one in senders)
    settle(receipts, day=CLOSES)
    still = sorted(credit_of(one) for one in senders)
    settle(receipts, day=MATURES)

    assert early == still == [0, 297, 297]
    assert [credit_of(one) for one in senders] == [297, 297, 297]
    whole()


def test_a_sweep_settles_by_the_receipts_that_there_are() -> None:
    order = bought(make_person(), sell())

    done = rewards.settle(now=timezone.now() + dt.timedelta(days=CLOSES))

    assert (done.closed, done.failures) == (1, 0)
    assert left(order) == {"seller": 8_910, "platform_fees": 990}


@pytest.mark.parametrize(
    ("environment", "word"),
    [
        ({"GEOBUK_POOL_DAYS": "soon"}, "GEOBUK_POOL_DAYS"),
        ({"GEOBUK_REWARD_DAYS": "-1"}, "GEOBUK_REWARD_DAYS"),
        ({"GEOBUK_REWARD_DAYS": "7"}, "no fewer"),
        ({"GEOBUK_REWARD_RESERVE": "KRW=1.5"}, "GEOBUK_REWARD_RESERVE"),
    ],
)
def test_a_wrong_setting_is_named(environment: dict[str, str], word: str) -> None:
    with pytest.raises(ValueError, match=word):
        reward_policy(environment)
