"""What may be sent and fetched now: limits, schedule and the month's budget. Pure.

Times are those of the owner's wall clock (naive). For each direction the base limit holds;
a rule of the schedule that holds and names the direction takes its place, the strictest of
several; nothing is stricter than “off”; and a month's budget that is used up is off until
the month ends.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from seeder.schedule import OFF, UNLIMITED, Rule, stricter, turning_points

__all__ = [
    "Allowance",
    "Preferences",
    "Reason",
    "Used",
    "brake",
    "month_of",
    "next_month",
    "plan",
]

# The last of a month's budget goes slowly, so that it is not overrun between two looks: it
# lasts for as many as these. Below so many bytes that is worth a word to the owner.
SLOW_FROM: Final = 64_000_000
LOOKS: Final = 4
LEAST_SLOW: Final = 64_000


class Reason(StrEnum):
    """Why a direction is limited or off."""

    OPEN = "open"
    LIMIT = "limit"
    SCHEDULE = "schedule"
    MONTH = "month"
    OFF = "off"
    UNREADABLE = "unreadable"  # the preferences cannot be read, so nothing is sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """What the owner of this machine wants. Rates as in seeder.schedule, budgets in bytes.

    `lan` says whether peers of the own network count: under the limits and in the budget.
    `upnp` asks the router for an open port; `dht` finds peers of open torrents after a
    shop's end. The schedule belongs to the wall clock.
    """

    up: int = UNLIMITED
    down: int = UNLIMITED
    sharing: bool = True
    schedule: tuple[Rule, ...] = ()
    month_up: int | None = None
    month_down: int | None = None
    lan: bool = True
    upnp: bool = True
    dht: bool = True


@dataclass(frozen=True, slots=True)
class Used:
    """Bytes of one month, with all that goes with the content."""

    up: int = 0
    down: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What may go now: bytes a second, 0 for no limit; where a direction is off its rate is 0
    and `sharing` or `fetching` is False. The times say when it changes by itself, if it does."""

    up: int
    down: int
    sharing: bool
    fetching: bool
    reason: Reason  # for what is sent
    down_reason: Reason
    until: datetime | None = None  # for what is sent
    down_until: datetime | None = None


def month_of(wall: datetime) -> str:
    """The month that bytes are counted under, like 2026-11."""
    return f"{wall.year:04d}-{wall.month:02d}"


def next_month(wall: datetime) -> datetime:
    """When the month after this one begins."""
    return datetime(wall.year + wall.month // 12, wall.month % 12 + 1, 1)  # noqa: DTZ001 - wall clock


def plan(now: datetime, preferences: Preferences, used: Used) -> Allowance:
    """Give what may go at `now`, a naive time of the wall clock, with `used` in its month."""
    up, reason = _lane(now, preferences, used, up=True)
    down, down_reason = _lane(now, preferences, used, up=False)
    return Allowance(
        up=max(up, 0),
        down=max(down, 0),
        sharing=up != OFF,
        fetching=down != OFF,
        reason=reason,
        down_reason=down_reason,
        until=_until(now, preferences, reason, up=True),
        down_until=_until(now, preferences, down_reason, up=False),
    )


def brake(budget: int | None, used: int) -> int:
    """The rate at which what is left of a budget lasts for a few looks yet, however fast the
    line is; UNLIMITED where there is no budget."""
    return UNLIMITED if budget is None else max((budget - used) // LOOKS, LEAST_SLOW)


def _scheduled(now: datetime, preferences: Preferences, *, up: bool) -> tuple[int, Reason]:
    """The rate without regard to the month, and whether it is the schedule's."""
    base = preferences.up if up else preferences.down
    chosen: int | None = None
    for rule in preferences.schedule:
        rate = rule.up if up else rule.down
        if rate is not None and rule.holds(now):
            chosen = rate if chosen is None else stricter(chosen, rate)
    if base == OFF:
        return OFF, Reason.OFF
    if chosen is not None and chosen != base:
        return chosen, Reason.SCHEDULE
    return base, Reason.OPEN if base == UNLIMITED else Reason.LIMIT


def _lane(now: datetime, preferences: Preferences, used: Used, *, up: bool) -> tuple[int, Reason]:
    """The rate of one direction, and why it is that."""
    if up and not preferences.sharing:
        return OFF, Reason.OFF
    rate, reason = _scheduled(now, preferences, up=up)
    budget = preferences.month_up if up else preferences.month_down
    if rate == OFF or budget is None:
        return rate, reason
    left = budget - (used.up if up else used.down)
    if left <= 0:
        return OFF, Reason.MONTH
    slow = brake(budget, budget - left)
    if left < SLOW_FROM and stricter(rate, slow) != rate:
        return slow, Reason.MONTH
    return rate, reason


def _until(now: datetime, preferences: Preferences, reason: Reason, *, up: bool) -> datetime | None:
    """When a direction changes by itself: at the month's end, or at a turn of the schedule."""
    if up and not preferences.sharing:
        return None
    if reason is Reason.MONTH:
        return next_month(now)
    today = _scheduled(now, preferences, up=up)
    points = turning_points(preferences.schedule, now)
    return next((at for at in points if _scheduled(at, preferences, up=up) != today), None)
