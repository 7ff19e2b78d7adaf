"""Schedules in which pools are closed and rewards given while all else happens as well."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Iterable, Sequence

import pytest
from django.conf import settings as settings_of_django
from django.utils import timezone
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import rule, run_state_machine_as_test
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.ledger import queries as books
from marketplace.ledger.types import chart
from marketplace.rewards import services as rewards
from marketplace.rewards.models import Reward
from marketplace.rewards.types import Delivered
from tests.marketplace.money.machine import machine_over
from tests.marketplace.money.scene import Scene
from tests.marketplace.money.tills import DirectTill
from tests.marketplace.rewards.sales import Sent
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db

SCHEDULES, STEPS = 15, 16
CLOSES, MATURES = 15, 122


class Swarm:
    """Two who deliver all that is bought, and what the origin does of it."""

    def __init__(self) -> None:
        self.senders: list[User] = [make_person(f"sender-{number}") for number in range(2)]
        self.parts = (1, 1, 1)

    def __call__(
        self, package_id: str, receiver_id: uuid.UUID, until: dt.datetime
    ) -> Iterable[Delivered]:
        bob, eve, origin = self.parts
        return [
            Sent(self.senders[0].pk, bob * 1_000),
            Sent(self.senders[1].pk, eve * 1_000),
            Sent(None, origin * 1_000),
        ]

    def settle(self, *, days: int) -> None:
        now = timezone.now()
        done = rewards.settle(now=now, as_of=now + dt.timedelta(days=days), delivered_to=self)
        assert done.failures == 0

    def faults(self) -> list[str]:
        """What they have is what they were given, whatever became of the sales since."""
        found = list(rewards.faults())
        for sender in self.senders:
            has = books.balance(chart.credit(sender.pk, "KRW")).minor
            rows = Reward.objects.filter(sender=sender, given_minor__isnull=False)
            given = sum(minor or 0 for minor in rows.values_list("given_minor", flat=True))
            if has != given:
                found.append(f"{sender.email} was given {given} and has {has}")
        return found


def schedule_over(listings: Sequence[Listing], swarm: Swarm, done: Counter[str]) -> type:
    def scene_of(counted: Counter[str]) -> Scene:
        till = DirectTill()
        settings_of_django.STRIPE_API_BASE = till.base
        settings_of_django.STRIPE_TRANSPORT = lambda _base: till.transport
        return Scene(till, listings, counted)

    class Schedule(machine_over(scene_of, done)):  # type: ignore[misc]  # made at run time
        @rule(days=st.sampled_from([CLOSES, MATURES]), parts=st.tuples(*[st.integers(0, 99)] * 3))
        def time_passes(self, days: int, parts: tuple[int, int, int]) -> None:
            swarm.parts = parts
            before = Reward.objects.filter(given_minor__isnull=False).count()
            swarm.settle(days=days)
            done["settled"] += 1
            done["given"] += Reward.objects.filter(given_minor__isnull=False).count() - before

        def teardown(self) -> None:
            super().teardown()
            assert swarm.faults() == []

    return Schedule


@pytest.mark.timeout(900)
def test_rewards_in_every_schedule_come_out_of_pools_and_are_never_taken_back(
    settings_guard: None,
) -> None:
    ada, bob = make_seller("Ada's"), make_seller("Bob's")
    listings = [sell(seller, title=f"{n}") for n, seller in enumerate([ada, ada, bob, bob])]
    swarm, done = Swarm(), Counter[str]()

    run_state_machine_as_test(
        seed(7)(schedule_over(listings, swarm, done)),
        settings=settings(
            max_examples=SCHEDULES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )

    assert done["schedules"] >= SCHEDULES, done
    assert done["given"] > 0, done


@pytest.fixture
def settings_guard(settings: Settings) -> None:
    """Each schedule sets where its own Stripe is; pytest sets it back afterwards."""
    settings.STRIPE_API_BASE, settings.STRIPE_TRANSPORT = "", None
