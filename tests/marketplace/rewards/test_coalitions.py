"""Whatever a coalition says of itself, it earns no more than its own purchases set aside.

The worlds are drawn: who buys what by cash or credit, who tells of which deliveries, what
goes back before and after the pools are closed. Members of the coalition tell anything of
each other; the others tell what is true.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind
from marketplace.orders.models import Order
from marketplace.rewards import services as rewards
from marketplace.rewards.models import ClosedPool, Reward
from tests.marketplace.rewards.sales import (
    Receipts,
    bought,
    credit_of,
    dispute,
    give_back,
    pay_back,
    settle,
    win,
)
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db

PEOPLE = range(5)
COALITION = (0, 1, 2)
CLOSES, MATURES = 14, 122
HUGE = 2**62

PURCHASE = st.fixed_dictionaries(
    {
        "buyer": st.sampled_from(PEOPLE),
        "listing": st.integers(0, 1),
        "price": st.integers(500, 100_000),
        "credit": st.integers(0, 100),  # percent of the price
        "fate": st.sampled_from(["kept", "part", "back", "back late", "lost", "won"]),
        "late": st.booleans(),  # whether it happens once the pools are closed
    }
)
_Tales = list[tuple[int, int | None, int]]
TALE = st.tuples(st.sampled_from(PEOPLE), st.sampled_from([None, *PEOPLE]), st.integers(0, HUGE))


@dataclass
class World:
    listings: list[Listing]
    people: list[User] = field(
        default_factory=lambda: [make_person(uuid.uuid4().hex) for _ in PEOPLE]
    )
    receipts: Receipts = field(default_factory=Receipts)
    orders: list[tuple[Order, dict[str, object]]] = field(default_factory=list)

    def buy(self, wish: dict[str, object]) -> None:
        buyer, listing = (
            self.people[int(str(wish["buyer"]))],
            self.listings[int(str(wish["listing"]))],
        )
        if any(o.buyer_id == buyer.pk and o.listing_id == listing.pk for o, _wish in self.orders):
            return
        price = int(str(wish["price"]))
        credit = price * int(str(wish["credit"])) // 100
        self.orders.append((bought(buyer, listing, price=price, credit=credit), wish))

    def tell(self, receiver: int, sender: int | None, count: int, *, truthful: bool) -> None:
        """One receipt with its claim; what the truthful tell is never more than there is."""
        if truthful:
            count %= 50_000
        self.receipts.add(
            self.people[receiver], None if sender is None else self.people[sender], count
        )

    def befall(self, *, late: bool) -> None:
        for order, wish in self.orders:
            if wish["late"] == late and order.cash.minor:
                _befall(order, str(wish["fate"]))

    def credit_from_rewards(self, members: tuple[int, ...]) -> int:
        pks = [self.people[one].pk for one in members]
        rows = Reward.objects.filter(sender_id__in=pks, given_minor__isnull=False)
        return sum(minor or 0 for minor in rows.values_list("given_minor", flat=True))


def _befall(order: Order, fate: str) -> None:
    if fate == "part":
        pay_back(order, order.cash.minor // 3)
    elif fate == "back":
        give_back(order)
    elif fate in ("lost", "won"):
        found = dispute(order)
        if fate == "won":
            win(found, order)


def run(world: World, wishes: list[dict[str, object]]) -> None:
    for wish in wishes:
        world.buy(wish)
    world.befall(late=False)
    settle(world.receipts, day=CLOSES)
    world.befall(late=True)
    settle(world.receipts, day=MATURES)
    before = {person.pk: credit_of(person) for person in world.people}
    for order, wish in world.orders:
        if wish["fate"] == "back late" and order.cash.minor:
            give_back(order)
    settle(world.receipts, day=MATURES + 1)
    for person in world.people:
        # Their own credit comes back with a refund; nothing of what they had is taken.
        assert credit_of(person) >= before[person.pk]


def aside(world: World, members: tuple[int, ...]) -> int:
    """What the purchases of these people set aside, of cash."""
    pks = {world.people[one].pk for one in members}
    return sum(order.pool_minor for order, _wish in world.orders if order.buyer_id in pks)


def check_books(world: World) -> None:
    assert [*ledger.faults(), *rewards.faults()] == []
    gives = books.rewards_given([order.pk for order, _wish in world.orders])
    for order, _wish in world.orders:
        pool = ClosedPool.objects.filter(order_id=order.pk).first()
        if pool is None:
            continue
        parts = books.order_parts([order.pk], list(AccountKind))[order.pk]
        given = gives.get(order.pk, 0)
        assert parts.get(AccountKind.POOL, 0) == 0
        assert parts.get(AccountKind.REWARDS, 0) >= 0
        assert 0 <= parts.get(AccountKind.REWARD_LOSSES, 0) <= given <= order.pool_minor
        told = sum(reward.given_minor or 0 for reward in pool.rewards.all())
        assert told <= given


def worlds(check: Callable[[World, list[dict[str, object]], _Tales], int]) -> None:
    """Draw worlds for `check`, which returns what the coalition earned; somewhere it does."""
    listings, earned = [sell(), sell(title="The film")], []

    @settings(
        max_examples=25,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(PURCHASE, min_size=1, max_size=6), st.lists(TALE, max_size=12))
    def drawn(wishes: list[dict[str, object]], told: _Tales) -> None:
        earned.append(check(World(listings), wishes, told))

    drawn()
    assert any(earned)


def test_a_coalition_among_itself_earns_no_more_than_its_purchases_set_aside() -> None:
    def check(world: World, wishes: list[dict[str, object]], told: _Tales) -> int:
        for receiver, sender, count in told:
            if receiver in COALITION:
                world.tell(receiver, sender, count, truthful=False)

        run(world, wishes)

        assert world.credit_from_rewards(COALITION) <= aside(world, COALITION)
        check_books(world)
        return world.credit_from_rewards(COALITION)

    worlds(check)


def test_what_it_earns_beyond_that_is_what_others_say_it_brought_them() -> None:
    def check(world: World, wishes: list[dict[str, object]], told: _Tales) -> int:
        for receiver, sender, count in told:
            world.tell(receiver, sender, count, truthful=receiver not in COALITION)

        run(world, wishes)

        honest = tuple(one for one in PEOPLE if one not in COALITION)
        attested = 0
        pks = {world.people[one].pk for one in honest}
        for order, _wish in world.orders:
            size = order.package.sealed_size
            brought = [
                receipt.bytes
                for receipt in world.receipts.get(order.buyer_id, [])
                if receipt.sender_id in {world.people[one].pk for one in COALITION}
            ]
            if order.buyer_id in pks:
                # A share is rounded by less than one for each sender.
                attested += order.pool_minor * min(sum(brought), size) // size + len(COALITION)
        assert world.credit_from_rewards(COALITION) <= aside(world, COALITION) + attested
        check_books(world)
        return world.credit_from_rewards(COALITION)

    worlds(check)


def test_credit_that_was_earned_funds_no_further_rewards() -> None:
    """What is bought with rewards sets nothing aside, so nothing goes round."""
    ada, bob = make_person("ada"), make_person("bob")
    song, film, receipts = sell(), sell(title="The film"), Receipts()
    bought(ada, song, price=100_000)
    receipts.add(ada, bob, HUGE)
    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)
    earned = credit_of(bob)

    second = bought(bob, film, price=earned, credit=earned)
    receipts.add(bob, ada, HUGE)
    settle(receipts, day=MATURES * 2)

    assert (earned, second.pool_minor) == (3_000, 0)
    assert credit_of(ada) == 0
