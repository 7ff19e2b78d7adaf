"""What this machine sends while something plays, as the player page says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

from seeder.bandwidth import Reason
from seeder.config import Home, is_held, read_json

__all__ = ["page_size", "sharing_record", "tell_sharing_page"]

UNITS: Final = ("B", "KB", "MB", "GB", "TB")
# What nobody has written anew for so long is not what holds now.
STALE: Final = timedelta(seconds=30)
OFF_WORDS: Final[Mapping[str, str]] = {
    Reason.SCHEDULE: "sharing_off_schedule",
    Reason.MONTH: "sharing_off_month",
    Reason.UNREADABLE: "sharing_unreadable",
}


def page_size(count: float) -> str:
    """A size for people: 1 KB is 1,000 bytes, as the shop counts."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    shown = f"{value:.0f}" if unit == 0 or value >= 100 else f"{value:.1f}"
    return f"{shown} {UNITS[unit]}"


def sharing_record(home: Home, *, now: datetime) -> dict[str, Any] | None:
    """What the seeder that runs on this machine, for whichever shop, said last: its limits and
    the rates of its items. None where none runs; {} where one does that has not said yet."""
    if not is_held(home.lock_file):
        return None
    record = read_json(home.state_file) or {}
    try:
        fresh = now - datetime.fromisoformat(str(record.get("updated_at"))) < STALE
    except (ValueError, TypeError):
        fresh = False
    limits = record.get("bandwidth") if fresh else None
    items = record.get("items")
    if not isinstance(limits, dict) or not limits or not isinstance(items, list):
        return {}
    rates = [item.get("up_rate", 0) for item in items if isinstance(item, dict)]
    return limits | {"up_rate": sum(rate for rate in rates if isinstance(rate, int))}


def tell_sharing_page(record: Mapping[str, Any] | None, words: Mapping[str, str]) -> list[str]:
    """The lines on sharing in the page's language: what goes out now, its limit, the month."""
    if record is None:
        return [words["sharing_not_running"]]
    if not record:
        return [words["sharing_unknown"]]
    lines = [_now(record, words)]
    if record.get("sharing") and record.get("up"):
        limit = words["sharing_limit"].format(rate=page_size(record["up"]))
        lines.append(_with_end(limit, record, words))
    budget = record.get("month_up")
    month = words["sharing_month_of" if budget else "sharing_month"]
    lines.append(month.format(sent=page_size(record.get("sent", 0)), budget=page_size(budget or 0)))
    return lines


def _now(record: Mapping[str, Any], words: Mapping[str, str]) -> str:
    if not record.get("sharing"):
        name = OFF_WORDS.get(str(record.get("reason")), "sharing_off")
        return _with_end(words[name], record, words)
    if record["up_rate"]:
        return words["sharing_now"].format(rate=page_size(record["up_rate"]))
    return words["sharing_idle"]


def _with_end(sentence: str, record: Mapping[str, Any], words: Mapping[str, str]) -> str:
    """The sentence, and when that changes by itself where it does."""
    try:
        until = datetime.fromisoformat(str(record.get("until")))
        today = datetime.fromisoformat(str(record.get("now"))).date() == until.date()
    except ValueError:
        return sentence
    shown = f"{until:%H:%M}" if today else f"{until:%Y-%m-%d %H:%M}"
    return f"{sentence} {words['sharing_until'].format(time=shown)}"
