"""Checkouts a second up to the entitlement, and how long a webhook takes, on one core.

The emulator runs in the same process and answers from memory, so what is measured is the
shop; the reference is what the emulator alone takes for the same calls of Stripe.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks.results import Result

__all__ = ["run"]

CHECKOUTS, WARM_UP = 150, 15


def run() -> list[Result]:
    """Measure in a process of its own, so that its settings stay there."""
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.checkouts", str(CHECKOUTS)],
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    found: dict[str, float] = json.loads(told.stdout.splitlines()[-1])
    return [
        Result(
            "checkouts to a fulfilled entitlement",
            found["checkouts"],
            "1/s",
            reference=found["calls"],
        ),
        Result("webhook that fulfils, p50", found["p50"], "ms", reference=found["read"]),
        Result("webhook that fulfils, p99", found["p99"], "ms", reference=found["read"]),
        Result("webhook heard before, p99", found["again"], "ms"),
    ]


def main(count: int) -> int:
    """Make a test database, buy `count` times, print the figures, drop the database."""
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "marketplace.config.settings.test"
    django.setup()
    from django.conf import settings
    from django.test.utils import get_runner, setup_test_environment

    setup_test_environment()
    runner = get_runner(settings)(verbosity=0, interactive=False)
    old = runner.setup_databases()
    try:
        print(json.dumps(_measure(count)))
    finally:
        runner.teardown_databases(old)
    return 0


def _measure(count: int) -> dict[str, float]:
    from django.conf import settings

    from tests.marketplace.money.tills import DirectTill
    from tests.marketplace.trade import sell

    till, listing = DirectTill(), sell()
    settings.STRIPE_API_BASE = till.base
    settings.STRIPE_TRANSPORT = lambda base: till.transport
    _rounds(till, listing, WARM_UP)
    shop = _rounds(till, listing, count)
    calls, read = _emulator_alone(till, count)
    hooks = sorted(shop["hook"])
    return {
        "checkouts": count / shop["all"],
        "calls": count / calls,
        "read": read * 1000,
        "p50": statistics.median(hooks) * 1000,
        "p99": hooks[int(len(hooks) * 0.99)] * 1000,
        "again": sorted(shop["again"])[int(count * 0.99)] * 1000,
    }


def _rounds(till: Any, listing: Any, count: int) -> dict[str, Any]:
    from django.test import Client
    from django.utils import timezone

    from marketplace.accounts.models import User
    from marketplace.checkout import services
    from marketplace.checkout.types import Wish
    from marketplace.licensing.models import Entitlement
    from marketplace.orders.queries import terms_of
    from marketplace.payments.models import Payment
    from tests.marketplace.stripe_fixtures import signed

    buyers = [User.objects.create_user(f"{uuid.uuid4().hex}@example.org") for _ in range(count)]
    wish, before = Wish(listing_id=listing.pk, seen=terms_of(listing).token), _entitlements()
    hooks, again, paying = [], [], 0.0
    began = time.perf_counter()
    for buyer in buyers:
        started = services.start_checkout(
            buyer=buyer, wishes=[wish], site="http://shop.test", language="en", now=timezone.now()
        )
        session_id = Payment.objects.get(bill_id=started.bill.pk).session_id
        paying += _timed(partial(till.pay, session_id, "4242424242424242", "card"))
        [event] = till.sdk.v1.events.list({"type": "checkout.session.completed", "limit": 1}).data
        post = signed(event.to_dict())
        hooks.append(_timed(partial(Client().post, "/webhooks/stripe/", **post)))
        again.append(_timed(partial(Client().post, "/webhooks/stripe/", **post)))
    took = time.perf_counter() - began - paying - sum(again)
    assert Entitlement.objects.count() == before + count, "every checkout was fulfilled"
    return {"all": took, "hook": hooks, "again": again}


def _entitlements() -> int:
    from marketplace.licensing.models import Entitlement

    return Entitlement.objects.count()


def _emulator_alone(till: Any, count: int) -> tuple[float, float]:
    """Seconds for `count` sessions that are made and read, and for one read of one."""
    reads = []
    began = time.perf_counter()
    for _ in range(count):
        session = till.sdk.v1.checkout.sessions.create(
            {
                "mode": "payment",
                "line_items": [
                    {
                        "quantity": 1,
                        "price_data": {
                            "currency": "krw",
                            "unit_amount": 9_900,
                            "product_data": {"name": "밤의 노래"},
                        },
                    }
                ],
                "success_url": "http://shop.test/ok",
            }
        )
        reads.append(_timed(partial(till.sdk.v1.checkout.sessions.retrieve, session.id)))
    return time.perf_counter() - began, statistics.median(reads)


def _timed(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
