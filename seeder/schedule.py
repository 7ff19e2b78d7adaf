"""The weekly schedule: rules such as `mon-fri 09:00-18:00 up=0.5 down=2`.

Days and times are those of the owner's wall clock. A rule that ends before it begins runs
past midnight and belongs to the day on which it begins. Without times it holds all day.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from seeder.errors import LimitsError

__all__ = [
    "MOST",
    "OFF",
    "UNLIMITED",
    "Rule",
    "parse_rate",
    "parse_rule",
    "show_rate",
    "stricter",
    "turning_points",
]

# A rate is bytes a second, or one of these.
UNLIMITED: Final = 0
OFF: Final = -1

MEGA: Final = 1_000_000
# Requests for pieces go up, so less than this would end downloads as well.
LEAST: Final = 5_000
MOST: Final = 2_000 * MEGA  # libtorrent counts in 32 bits

DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DAY: Final = 24 * 60  # minutes
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})")
_NUMBER = re.compile(r"\d{1,6}(\.\d{1,6})?")
EXAMPLE: Final = "mon-fri 09:00-18:00 up=0.5 down=2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule. `days` count from Monday, 0; `start` and `end` are minutes of the day, and
    `end` lies beyond 1440 where the rule runs past midnight. A rate of None changes nothing."""

    days: frozenset[int]
    start: int
    end: int
    up: int | None
    down: int | None

    def holds(self, wall: datetime) -> bool:
        """Whether the rule holds at this time of the owner's wall clock."""
        minute = wall.hour * 60 + wall.minute
        today, yesterday = wall.weekday(), (wall.weekday() - 1) % 7
        return (today in self.days and self.start <= minute < self.end) or (
            yesterday in self.days and self.start <= minute + DAY < self.end
        )

    def __str__(self) -> str:
        """The rule as `parse_rule` reads it."""
        parts = [_show_days(self.days)]
        if (self.start, self.end) != (0, DAY):
            parts.append(f"{_show_minute(self.start)}-{_show_minute(self.end)}")
        for name, rate in (("up", self.up), ("down", self.down)):
            if rate is not None:
                parts.append(f"{name}={show_rate(rate)}")
        return " ".join(parts)


def stricter(first: int, second: int) -> int:
    """The rate that lets less through."""
    if OFF in (first, second):
        return OFF
    limits = [rate for rate in (first, second) if rate != UNLIMITED]
    return min(limits, default=UNLIMITED)


def parse_rate(text: str) -> int:
    """Read `0.5` (MB a second), `none` or `off`. Raises LimitsError."""
    word = text.strip().lower()
    if word == "none":
        return UNLIMITED
    if word == "off":
        return OFF
    rate = round(float(word) * MEGA) if _NUMBER.fullmatch(word) else 0
    if not rate:
        raise LimitsError(
            f"{text!r} is no speed. Give MB a second, as in 0.5, or say none (no limit) or off."
        )
    if rate < LEAST:
        raise LimitsError(
            f"{text} MB a second is too little for two peers to talk: give {LEAST / MEGA:g} or "
            "more, or say off."
        )
    if rate > MOST:
        raise LimitsError(f"{text} MB a second is more than any line carries: say none.")
    return rate


def show_rate(rate: int) -> str:
    """A rate as `parse_rate` reads it."""
    if rate == OFF:
        return "off"
    return "none" if rate == UNLIMITED else f"{rate / MEGA:.6f}".rstrip("0").rstrip(".")


def parse_rule(text: str) -> Rule:
    """Read one rule of the schedule. Raises LimitsError, which says what is wrong."""
    words = text.lower().split()
    if not words:
        raise LimitsError(f"The rule is empty. Give one as in: {EXAMPLE}")
    days, start, end = _parse_days(words[0]), 0, DAY
    rest = words[1:]
    if rest and "=" not in rest[0] and rest[0] != "off":
        start, end = _parse_times(rest[0])
        rest = rest[1:]
    rates = _parse_rates(rest, text)
    return Rule(days=days, start=start, end=end, up=rates.get("up"), down=rates.get("down"))


def turning_points(rules: Iterable[Rule], wall: datetime) -> list[datetime]:
    """The times within a week after `wall` at which a rule begins or ends, in order."""
    midnight = wall.replace(hour=0, minute=0, second=0, microsecond=0)
    points = {
        midnight + timedelta(days=ahead, minutes=minute)
        for rule in rules
        for minute in (rule.start, rule.end)
        for ahead in range(-1, 9)
        if (midnight + timedelta(days=ahead)).weekday() in rule.days
    }
    return sorted(point for point in points if point > wall)


def _parse_days(word: str) -> frozenset[int]:
    if word == "daily":
        return frozenset(range(7))
    days: set[int] = set()
    for part in word.split(","):
        first, dash, last = part.partition("-")
        if first not in DAYS or (dash and last not in DAYS):
            raise LimitsError(
                f"{part!r} names no days. Use {', '.join(DAYS)}, as in mon-fri or sat,sun, or "
                f"daily. A whole rule: {EXAMPLE}"
            )
        begin = DAYS.index(first)
        count = (DAYS.index(last) - begin) % 7 if dash else 0
        days |= {(begin + step) % 7 for step in range(count + 1)}
    return frozenset(days)


def _parse_times(word: str) -> tuple[int, int]:
    first, _dash, last = word.partition("-")
    start, end = _parse_minute(first), _parse_minute(last)
    if start is None or end is None or start == DAY:
        raise LimitsError(
            f"{word!r} are no times of a day. Give them as in 09:00-18:00. A whole rule: {EXAMPLE}"
        )
    if start == end:
        raise LimitsError(f"{word!r} is no span of time. For the whole day say 00:00-24:00.")
    return start, end if end > start else end + DAY


def _parse_minute(text: str) -> int | None:
    found = _CLOCK.fullmatch(text)
    if found is None:
        return None
    minute = int(found[1]) * 60 + int(found[2])
    return minute if minute <= DAY and int(found[2]) < 60 else None


def _parse_rates(words: list[str], text: str) -> dict[str, int]:
    if words == ["off"]:
        return {"up": OFF, "down": OFF}
    rates: dict[str, int] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if name not in {"up", "down"} or not equals or name in rates:
            raise LimitsError(
                f"{word!r} is not understood in “{text}”. End the rule with up=, down= or both, "
                f"or with off, as in: {EXAMPLE}"
            )
        rates[name] = parse_rate(value)
    if not rates:
        raise LimitsError(f"“{text}” limits nothing. End it as in: {EXAMPLE}")
    return rates


def _show_days(days: frozenset[int]) -> str:
    if len(days) == 7:
        return "daily"
    # Runs of days that follow each other; one may go over the end of the week.
    runs = []
    for first in sorted(days):
        if (first - 1) % 7 in days:
            continue
        last = first
        while (last + 1) % 7 in days:
            last = (last + 1) % 7
        runs.append(DAYS[first] if first == last else f"{DAYS[first]}-{DAYS[last]}")
    return ",".join(runs)


def _show_minute(minute: int) -> str:
    minute = minute if minute <= DAY else minute - DAY
    return f"{minute // 60:02d}:{minute % 60:02d}"
