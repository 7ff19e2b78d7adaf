# ruff: noqa: DTZ001 - times of the owner's wall clock
from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.bandwidth import (
    LEAST_SLOW,
    SLOW_FROM,
    Preferences,
    Reason,
    Used,
    brake,
    month_of,
    next_month,
    plan,
)
from seeder.schedule import parse_rule

NOON = datetime(2026, 11, 25, 12, 0)  # a Wednesday
GIGA = 10**9


def test_without_preferences_everything_goes() -> None:
    allowance = plan(NOON, Preferences(), Used())

    assert (allowance.up, allowance.down) == (0, 0)
    assert allowance.sharing
    assert allowance.fetching
    assert (allowance.reason, allowance.down_reason) == (Reason.OPEN, Reason.OPEN)
    assert (allowance.until, allowance.down_until) == (None, None)


def test_the_base_limit_holds_where_no_rule_does() -> None:
    rules = (parse_rule("sat,sun up=none"),)

    allowance = plan(NOON, Preferences(up=500_000, schedule=rules), Used())

    assert (allowance.up, allowance.reason) == (500_000, Reason.LIMIT)
    assert allowance.until == datetime(2026, 11, 28)
    assert allowance.down_until is None


def test_a_rule_takes_the_place_of_the_base_limit_in_what_it_names() -> None:
    rules = (parse_rule("wed 09:00-18:00 up=2"),)

    allowance = plan(NOON, Preferences(up=500_000, down=7_000_000, schedule=rules), Used())

    assert (allowance.up, allowance.reason) == (2_000_000, Reason.SCHEDULE)
    assert (allowance.down, allowance.down_reason) == (7_000_000, Reason.LIMIT)
    assert allowance.until == datetime(2026, 11, 25, 18)


def test_of_two_rules_the_stricter_holds() -> None:
    rules = (parse_rule("wed up=2"), parse_rule("daily 11:00-13:00 up=off"))

    allowance = plan(NOON, Preferences(schedule=rules), Used())

    assert not allowance.sharing
    assert allowance.reason is Reason.SCHEDULE
    assert allowance.until == datetime(2026, 11, 25, 13)


def test_no_rule_opens_what_is_off() -> None:
    rules = (parse_rule("daily up=none down=none"),)

    for preferences in (
        Preferences(sharing=False, schedule=rules),
        Preferences(up=-1, schedule=rules),
    ):
        allowance = plan(NOON, preferences, Used())

        assert not allowance.sharing
        assert (allowance.up, allowance.reason, allowance.until) == (0, Reason.OFF, None)
        assert allowance.fetching


def test_sharing_may_be_off_while_downloads_go_on_and_the_other_way_round() -> None:
    silent = plan(NOON, Preferences(sharing=False, down=2_000_000), Used())
    giving = plan(NOON, Preferences(down=-1), Used())

    assert (silent.sharing, silent.fetching, silent.down) == (False, True, 2_000_000)
    assert (giving.sharing, giving.fetching, giving.down_reason) == (True, False, Reason.OFF)


def test_a_budget_that_is_used_up_is_off_until_the_month_ends() -> None:
    preferences = Preferences(month_up=GIGA, up=500_000)

    before = plan(NOON, preferences, Used(up=GIGA - SLOW_FROM))
    after = plan(NOON, preferences, Used(up=GIGA))

    assert (before.up, before.reason) == (500_000, Reason.LIMIT)
    assert not after.sharing
    assert (after.reason, after.until) == (Reason.MONTH, datetime(2026, 12, 1))
    assert after.fetching


def test_the_last_of_a_budget_goes_slowly() -> None:
    preferences = Preferences(month_up=GIGA, month_down=GIGA)

    allowance = plan(NOON, preferences, Used(up=GIGA - 4_000_000, down=GIGA - 1))

    assert (allowance.up, allowance.reason) == (1_000_000, Reason.MONTH)
    assert (allowance.down, allowance.down_reason) == (LEAST_SLOW, Reason.MONTH)


@given(left=st.integers(1, 10**9), speed=st.integers(10**6, 10**10))
def test_no_line_is_so_fast_that_it_overruns_a_budget_by_much(left: int, speed: int) -> None:
    used = 0
    while used < left:
        used += min(speed, brake(left, used))  # one look a second

    assert used < left + LEAST_SLOW


def test_up_and_down_have_budgets_of_their_own() -> None:
    allowance = plan(NOON, Preferences(month_down=GIGA), Used(up=5 * GIGA, down=GIGA + 1))

    assert allowance.sharing
    assert not allowance.fetching
    assert allowance.down_reason is Reason.MONTH


@pytest.mark.parametrize(
    ("wall", "month", "end"),
    [
        (datetime(2026, 1, 1), "2026-01", datetime(2026, 2, 1)),
        (datetime(2026, 12, 31, 23, 59), "2026-12", datetime(2027, 1, 1)),
        (datetime(2028, 2, 29), "2028-02", datetime(2028, 3, 1)),
    ],
)
def test_months(wall: datetime, month: str, end: datetime) -> None:
    assert month_of(wall) == month
    assert next_month(wall) == end


@given(
    minutes=st.integers(0, 366 * 24 * 60),
    up=st.sampled_from([-1, 0, 5_000, 500_000]),
    sharing=st.booleans(),
    used=st.integers(0, 2 * GIGA),
    rules=st.lists(
        st.sampled_from(
            ["mon-fri 09:00-18:00 up=0.5", "daily 22:00-06:00 off", "sat,sun up=none", "wed up=off"]
        ),
        max_size=3,
    ),
)
def test_nothing_overrides_off_and_the_budget(
    minutes: int, up: int, sharing: bool, used: int, rules: list[str]
) -> None:
    now = datetime(2026, 1, 1) + timedelta(minutes=minutes)
    preferences = Preferences(
        up=up, sharing=sharing, month_up=GIGA, schedule=tuple(map(parse_rule, rules))
    )

    allowance = plan(now, preferences, Used(up=used))

    if up == -1 or not sharing or used >= GIGA:
        assert not allowance.sharing
    if not allowance.sharing:
        assert allowance.up == 0
        assert allowance.reason is not Reason.OPEN
    if allowance.until is not None:
        assert allowance.until > now
        # Until then nothing changes by itself.
        just_before = allowance.until - timedelta(seconds=1)
        if allowance.reason is not Reason.MONTH:
            assert plan(just_before, preferences, Used(up=used)).up == allowance.up
