"""What is left of something that ends, as the player page says it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from seeder.permit import Permit
from seeder.terms import Remaining

__all__ = ["tell_page"]


def tell_page(permit: Permit, remaining: Remaining | None, words: Mapping[str, str]) -> str | None:
    """The line under the title in the page's language; None where there is nothing to say."""
    if remaining is None:
        return None
    lines = []
    if not permit.begun and remaining.window is not None:
        lines.append(words["not_started"].format(span=_span(remaining.window, words)))
        if remaining.ends is not None:
            lines.append(words["start_by"].format(time=_clock(remaining.ends)))
    elif permit.stops is not None:
        lines.extend(_until(permit.stops, remaining.ends, words))
    if remaining.plays_left is not None:
        lines.append(words["plays_left"].format(count=remaining.plays_left))
    return " ".join(lines) or None


def _until(stops: datetime, ends: datetime | None, words: Mapping[str, str]) -> list[str]:
    """The end that the library tells, too, and what a play that is under way may take more."""
    if ends is None or ends >= stops:
        return [words["plays_until"].format(time=_clock(stops))]
    return [
        words["plays_until"].format(time=_clock(ends)),
        words["runs_on_until"].format(time=_clock(stops)),
    ]


def _span(span: timedelta, words: Mapping[str, str]) -> str:
    hours = span // timedelta(hours=1)
    if hours:
        return words["hours"].format(count=hours)
    return words["minutes"].format(count=span // timedelta(minutes=1))


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")
