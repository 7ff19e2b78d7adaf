"""Schedules of purchases, refunds, disputes, losses and restarts over HTTP, against the model.

Ten thousand and more run in `make bench` within one process; these go over the wire.
"""

from __future__ import annotations

from collections import Counter

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.marketplace.money.machine import machine_over
from tests.marketplace.money.scene import Scene
from tests.marketplace.money.tills import HttpTill
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_seller, sell

# Under the marker the same schedules are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

SCHEDULES = {"postgresql": 100, "sqlite": 10}  # in each part
STEPS = 14


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("part", [1, 2])
def test_every_schedule_ends_where_the_money_is(stripe: Emulator, part: int) -> None:
    ada, bob = make_seller("Ada's"), make_seller("Bob's")
    listings = [sell(seller, title=f"{n}") for n, seller in enumerate([ada, ada, bob, bob])]
    till, done, count = HttpTill(stripe), Counter[str](), SCHEDULES[connection.vendor]

    schedule = machine_over(
        lambda done: Scene(till, listings, done, rivals=True), done, tidy_up=Scene.tidy_up
    )
    run_state_machine_as_test(
        seed(part)(schedule),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )

    assert done["schedules"] >= count, done
    kinds = ("buy", "pay", "refund", "refund_at_stripe", "dispute", "deliver", "lose", "earn")
    for kind in (*kinds, "buy with a code", "buy with credit"):
        assert done[kind] >= count // 25, (kind, dict(done))
