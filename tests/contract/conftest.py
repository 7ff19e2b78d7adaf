"""Against the emulator by itself; against the real Stripe with STRIPE_TEST_KEY=sk_test_…

docs/stripe-testing.md says how, and what is left out then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk

from marketplace.payments.stripe_client import API_VERSION
from tests.contract.desk import Desk, Line
from tests.marketplace.stripe_fixtures import start

__all__ = ["desk"]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """One Stripe for the whole run."""
    line, key = Line(), os.environ.get("STRIPE_TEST_KEY", "")
    if key:
        assert key.startswith(("sk_test_", "rk_test_")), "STRIPE_TEST_KEY is no key of test mode"
        api = sdk.StripeClient(key, stripe_version=API_VERSION, http_client=line)
        yield Desk(api, line)
        return
    emulator = start(tmp_path_factory.mktemp("contract") / "stripe.sqlite3")
    base: Any = {"api": emulator.base, "files": emulator.base}
    api = sdk.StripeClient(
        "sk_test_contract", stripe_version=API_VERSION, base_addresses=base, http_client=line
    )
    yield Desk(api, line, emulator)
    emulator.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All of it on one line to Stripe, and the look at what came over it at the end."""
    ours = [item for item in items if item.path.parent == Path(__file__).parent]
    for item in ours:
        item.add_marker(pytest.mark.xdist_group("contract"))
    last = [item for item in ours if item.path.stem == "test_answers"]
    items[:] = [item for item in items if item not in last] + last


def pytest_report_header() -> str:
    real = bool(os.environ.get("STRIPE_TEST_KEY"))
    return f"stripe: {'the real one, in test mode' if real else 'the emulator'}"
