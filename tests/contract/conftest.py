"""Against the emulator by itself; against the real Stripe with STRIPE_TEST_KEY=sk_test_…

docs/stripe-testing.md says how, and what is left out then.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
import stripe as sdk

from marketplace.payments.stripe_client import API_VERSION
from tests.contract.desk import Desk, Line
from tests.marketplace.stripe_fixtures import start

__all__ = ["desk", "stripe_itself"]


@pytest.fixture(scope="session")
def stripe_itself(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
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


@pytest.fixture
def desk(stripe_itself: Desk) -> Iterator[Desk]:
    """What a test asks; each answer that it got is what the SDK announces."""
    stripe_itself.line.wrong.clear()
    yield stripe_itself
    assert sorted(set(stripe_itself.line.wrong)) == []


def pytest_report_header() -> str:
    real = bool(os.environ.get("STRIPE_TEST_KEY"))
    return f"stripe: {'the real one, in test mode' if real else 'the emulator'}"
