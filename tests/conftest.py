"""Conditions that hold for every test."""

from __future__ import annotations

import os
import signal
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import expect

# A shell that runs the tests in the background has them ignore Ctrl-C, and every program
# that they start would inherit that. With a handler of ours the programs begin afresh.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A page on a machine that is busy with another test takes longer than five seconds.
expect.set_options(timeout=20_000)

# Marks and fixtures of tests that start programs.
HEAVY = {"e2e", "install", "house", "chromium"}


def pytest_sessionstart() -> None:
    """Go to the zone in GEOBUK_TEST_TZ, which Django has replaced by its own by now."""
    if zone := os.environ.get("GEOBUK_TEST_TZ"):
        os.environ["TZ"] = zone
        time.tzset()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what starts whole shops and browsers in one of the workers, one after the other.

    Two of them at once on two cores make each other slow enough to run into their limits.
    """
    for item in items:
        names = {*getattr(item, "fixturenames", ()), *(mark.name for mark in item.iter_markers())}
        if names & HEAVY:
            item.add_marker(pytest.mark.xdist_group("heavy"))


@pytest.fixture(scope="session", autouse=True)
def table_of_unicode() -> None:
    """Have Hypothesis make its table of all characters, a second of work in a fresh checkout.

    Otherwise the first property that draws a text pays for it and is taken for a slow one.
    """

    @settings(max_examples=1, database=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.text(min_size=1))
    def draw(text: str) -> None:
        assert text

    draw()
