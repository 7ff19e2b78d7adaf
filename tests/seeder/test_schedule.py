# ruff: noqa: DTZ001 - times of the owner's wall clock
from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from seeder.errors import LimitsError
from seeder.schedule import (
    OFF,
    UNLIMITED,
    parse_rate,
    parse_rule,
    show_rate,
    stricter,
    turning_points,
)

MONDAY = datetime(2026, 11, 23)


def at(day: int, clock: str) -> datetime:
    """A time of the week that begins on MONDAY."""
    hour, minute = map(int, clock.split(":"))
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


@pytest.mark.parametrize(
    ("text", "rate"),
    [("0.5", 500_000), ("2", 2_000_000), (" 0.005 ", 5_000), ("none", UNLIMITED), ("OFF", OFF)],
)
def test_a_rate_is_read_and_shown_again(text: str, rate: int) -> None:
    assert parse_rate(text) == rate
    assert parse_rate(show_rate(rate)) == rate


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "0.0",
        "-1",
        "1e3",
        "nan",
        "inf",
        "½",
        "1,5",
        "0x10",
        "1 2",
        "0.004",
        "2001",
        "999999",
    ],
)
def test_what_is_no_rate_is_refused_with_a_way_on(text: str) -> None:
    with pytest.raises(LimitsError, match=r"say (none|off)"):
        parse_rate(text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("mon-fri 09:00-18:00 up=0.5 down=2", "mon-fri 09:00-18:00 up=0.5 down=2"),
        ("MON-FRI 9:00-18:00 down=2 up=0.50", "mon-fri 09:00-18:00 up=0.5 down=2"),
        ("daily off", "daily up=off down=off"),
        ("mon-sun up=1", "daily up=1"),
        ("sun,mon up=none", "sun-mon up=none"),
        ("fri-mon 22:00-06:00 up=off", "fri-mon 22:00-06:00 up=off"),
        ("wed,sat 00:00-24:00 down=1", "wed,sat down=1"),
        ("mon 18:00-24:00 up=1", "mon 18:00-24:00 up=1"),
        ("mon 18:00-00:00 up=1", "mon 18:00-24:00 up=1"),
    ],
)
def test_a_rule_is_read_and_shown_again(text: str, shown: str) -> None:
    rule = parse_rule(text)

    assert str(rule) == shown
    assert parse_rule(shown) == rule


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "empty"),
        ("monday up=1", "names no days"),
        ("mon- up=1", "names no days"),
        ("mon,,tue up=1", "names no days"),
        ("09:00-18:00 up=1", "names no days"),
        ("mon 9-18 up=1", "no times of a day"),
        ("mon 09:00 up=1", "no times of a day"),
        ("mon 24:00-06:00 up=1", "no times of a day"),
        ("mon 09:60-18:00 up=1", "no times of a day"),
        ("mon 25:00-26:00 up=1", "no times of a day"),
        ("mon 09:00-09:00 up=1", "no span of time"),
        ("mon 09:00-18:00", "limits nothing"),
        ("mon 09:00-18:00 up=1 up=2", "not understood"),
        ("mon 09:00-18:00 sideways=1", "not understood"),
        ("mon 09:00-18:00 up", "not understood"),
        ("mon off up=1", "not understood"),
        ("mon up=0", "no speed"),
    ],
)
def test_what_is_no_rule_is_refused_by_its_word(text: str, problem: str) -> None:
    with pytest.raises(LimitsError, match=problem):
        parse_rule(text)


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        (0, "08:59", False),
        (0, "09:00", True),
        (4, "17:59", True),
        (4, "18:00", False),
        (5, "12:00", False),
    ],
)
def test_a_rule_holds_from_its_first_minute_to_its_last(day: int, clock: str, holds: bool) -> None:
    assert parse_rule("mon-fri 09:00-18:00 up=1").holds(at(day, clock)) is holds


@pytest.mark.parametrize(
    ("day", "clock", "holds"),
    [
        (4, "21:59", False),
        (4, "22:00", True),
        (5, "05:59", True),
        (5, "06:00", False),
        (4, "03:00", False),
        (6, "03:00", False),
    ],
)
def test_a_rule_past_midnight_belongs_to_the_day_it_begins_on(
    day: int, clock: str, holds: bool
) -> None:
    assert parse_rule("fri 22:00-06:00 up=1").holds(at(day, clock)) is holds


def test_sunday_night_reaches_into_monday() -> None:
    rule = parse_rule("sun 23:00-01:00 up=1")

    assert rule.holds(at(0, "00:30"))
    assert rule.holds(at(6, "23:30"))
    assert not rule.holds(at(0, "23:30"))


@pytest.mark.parametrize(
    ("first", "second", "kept"),
    [(5, 3, 3), (UNLIMITED, 3, 3), (3, OFF, OFF), (OFF, UNLIMITED, OFF), (0, 0, UNLIMITED)],
)
def test_the_stricter_of_two_rates(first: int, second: int, kept: int) -> None:
    assert stricter(first, second) == kept
    assert stricter(second, first) == kept


def test_the_turns_of_a_week_come_in_order() -> None:
    rules = [parse_rule("mon,tue 09:00-18:00 up=1"), parse_rule("sun 22:00-06:00 up=1")]

    turns = turning_points(rules, at(0, "10:00"))

    assert turns[:6] == [
        at(0, "18:00"),
        at(1, "09:00"),
        at(1, "18:00"),
        at(6, "22:00"),
        at(7, "06:00"),
        at(7, "09:00"),
    ]
