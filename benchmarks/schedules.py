"""Schedules of purchases, refunds, disputes and losses, in one process, against the model.

`FULL=1` runs ten thousand, and goes on where it was stopped; without it a few hundred. Each schedule has an emulator of its
own in memory, so its whole stream of events is replayed to the services.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.results import Result

__all__ = ["run"]

FEW, MANY, PART, STEPS = 300, 10_000, 500, 14
KEPT = Path(__file__).parent / "out" / "schedules.json"
_NOTHING: dict[str, Any] = {"done": {}, "steps": 0, "deviations": 0, "seconds": 0.0}


def run() -> list[Result]:
    """Run the schedules in a process of their own, so that its settings stay there."""
    full = bool(os.environ.get("FULL"))
    found = _go_on() if full else _all_at_once(FEW)
    schedules = found["done"]["schedules"]
    return [
        Result("schedules that were run", schedules, "", bar=MANY if full else FEW, must=True),
        Result("steps that were really done in them", found["steps"], ""),
        Result(
            "deviations from the model", found["deviations"], "", bar=0, bar_is_most=True, must=True
        ),
        Result("schedules a second", schedules / found["seconds"], "1/s"),
    ]


def _go_on() -> dict[str, Any]:
    """Run part after part until there are MANY, from where an earlier run was stopped."""
    found = json.loads(KEPT.read_text()) if KEPT.exists() else dict(_NOTHING)
    while found["done"].get("schedules", 0) < MANY and not found["deviations"]:
        found = _sum(found, _all_at_once(PART))
        KEPT.write_text(json.dumps(found))
    KEPT.unlink(missing_ok=True)
    return found


def _all_at_once(count: int) -> dict[str, Any]:
    """Run `count` schedules, one half on each core."""
    half = [sys.executable, "-m", "benchmarks.schedules", str(-(-count // 2))]
    began = time.monotonic()
    running = [subprocess.Popen(half, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    found = dict(_NOTHING)
    for process in running:
        told, _ = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the schedules ended with {process.returncode}")
        found = _sum(found, json.loads(told.splitlines()[-1]))
    return {**found, "seconds": time.monotonic() - began}


def _sum(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    done = Counter(one["done"]) + Counter(other["done"])
    return {
        "done": dict(done),
        "steps": done.total() - done["schedules"],
        "deviations": one["deviations"] + other["deviations"],
        "seconds": one["seconds"] + other["seconds"],
    }


def main(count: int) -> int:
    """Make a test database, run `count` schedules, print what was done and what deviated."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.config.settings.test"
    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner, setup_test_environment

    setup_test_environment()
    runner = get_runner(settings)(verbosity=0, interactive=False)
    old = runner.setup_databases()
    began, done, deviations = time.monotonic(), Counter[str](), 0
    try:
        _schedules(count, done)
    except* Exception as group:  # noqa: BLE001 - whatever it is, it deviates
        deviations = len(group.exceptions)
        traceback.print_exception(group)
    finally:
        runner.teardown_databases(old)
    seconds = time.monotonic() - began
    print(json.dumps({"done": done, "seconds": seconds, "deviations": deviations}))
    return 0


def _schedules(count: int, done: Counter[str]) -> None:
    from django.conf import settings as shop
    from django.db import transaction
    from hypothesis import HealthCheck, Phase, settings
    from hypothesis.stateful import run_state_machine_as_test

    from tests.marketplace.money.machine import machine_over
    from tests.marketplace.money.scene import Scene
    from tests.marketplace.money.tills import DirectTill
    from tests.marketplace.trade import make_seller, sell

    ada, bob = make_seller("Ada's"), make_seller("Bob's")
    listings = [sell(seller, title=f"{n}") for n, seller in enumerate([ada, ada, bob, bob])]
    tills: dict[str, DirectTill] = {}

    def begin(done: Counter[str]) -> Scene:
        till = DirectTill()
        tills[till.base] = till
        shop.STRIPE_API_BASE = till.base
        shop.STRIPE_TRANSPORT = lambda base: tills[base].transport
        transaction.set_autocommit(False)
        return Scene(till, listings, done)

    def close(scene: Scene) -> None:
        transaction.rollback()
        transaction.set_autocommit(True)
        tills.pop(scene.till.base).close()

    run_state_machine_as_test(
        machine_over(begin, done, close=close),
        settings=settings(
            max_examples=count,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        ),
    )


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
