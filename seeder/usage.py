"""How much was sent and fetched in a month, for the budget.

    usage.json        {"v": 1, "months": {"2026-11": {"up": bytes, "down": bytes}}}
    usage.last.json   the same, a minute old and surely on the disk: where one is torn by a
                      power cut, the other is read

Counts only rise, so the higher of the two is right. Months are those of the owner's wall clock,
each counted by itself: a clock that is set back and forth begins no month anew.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from seeder.alerts import PeerSnapshot
from seeder.bandwidth import Used
from seeder.config import Home, read_json, write_json
from seeder.line import Traffic, is_lan

__all__ = ["Meter", "UsageFile"]

VERSION: Final = 1
MONTHS_KEPT: Final = 24
SECONDS_BETWEEN_COPIES: Final = 60.0
LINKS_KEPT: Final = 4096


class UsageFile:
    """The counts on the disk. One process at a time writes: the one that has the session."""

    def __init__(self, home: Home, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._file = home.root / "usage.json"
        self._copy = home.root / "usage.last.json"
        self._monotonic = monotonic
        self._copied_at: float | None = None

    def load(self) -> dict[str, Used]:
        """Every month that is known; none where nothing was counted yet."""
        months: dict[str, Used] = {}
        for path in (self._file, self._copy):
            for month, used in _months(read_json(path)):
                before = months.get(month, Used())
                months[month] = Used(max(before.up, used.up), max(before.down, used.down))
        return months

    def save(self, months: Mapping[str, Used], *, now: bool = False) -> None:
        """Write the counts; the copy now and then, or at once with `now`. Raises OSError."""
        kept = sorted(months)[-MONTHS_KEPT:]
        value = {
            "v": VERSION,
            "months": {
                month: {"up": months[month].up, "down": months[month].down} for month in kept
            },
        }
        write_json(self._file, value, durable=False)
        due = self._copied_at is None or (
            self._monotonic() - self._copied_at >= SECONDS_BETWEEN_COPIES
        )
        if now or due:
            write_json(self._copy, value)
            self._copied_at = self._monotonic()


@dataclass(slots=True)
class Meter:
    """Turns what a session reports into bytes that count. Pure but for what it remembers.

    Where peers of the own network do not count, their content is taken off, and their part of
    what goes with it. What they moved after the last look counts: the mistake is on the safe
    side, and never more than the last second of a link.
    """

    _last: Traffic = field(default_factory=lambda: Traffic(0, 0, 0, 0, incoming=False))
    _lan: bool = True
    # What links moved after the session was asked: it reports that at the next look.
    _ahead: Used = field(default_factory=Used)
    _links: dict[tuple[str, str, int, bool], Used] = field(default_factory=dict)

    def moved(self, traffic: Traffic) -> bool:
        """Whether any content has gone over the line since the last call of `counted`."""
        before = (self._last.content_sent, self._last.content_received)
        return before != (traffic.content_sent, traffic.content_received)

    def counted(self, traffic: Traffic, peers: Iterable[PeerSnapshot], *, lan: bool) -> Used:
        """Bytes since the last call: `traffic` of the whole session so far, `peers` as now."""
        sent, received = traffic.sent - self._last.sent, traffic.received - self._last.received
        content_up = traffic.content_sent - self._last.content_sent
        content_down = traffic.content_received - self._last.content_received
        self._last = traffic
        nearby, began = self._nearby(peers), self._lan and not lan
        self._lan = lan
        if lan or began:  # what the links moved until now counted
            return Used(max(sent, 0), max(received, 0))
        near_up, ahead_up = _taken_off(content_up, nearby.up, self._ahead.up)
        near_down, ahead_down = _taken_off(content_down, nearby.down, self._ahead.down)
        self._ahead = Used(ahead_up, ahead_down)
        content = content_up + content_down
        # What goes with the content: acknowledgements go up while content comes down.
        far = 1 - (near_up + near_down) / content if content > 0 else 1.0
        return Used(
            content_up - near_up + round(max(sent - content_up, 0) * far),
            content_down - near_down + round(max(received - content_down, 0) * far),
        )

    def _nearby(self, peers: Iterable[PeerSnapshot]) -> Used:
        """What links to the own network moved since the last call."""
        up = down = 0
        seen: dict[tuple[str, str, int, bool], Used] = {}
        for peer in peers:
            if not is_lan(peer.host):
                continue
            link = (peer.info_hash, peer.host, peer.port, peer.outgoing)
            before = self._links.get(link, Used())
            # A link that begins anew may count from nothing again, or carry the old count on.
            up += peer.uploaded - before.up if peer.uploaded >= before.up else peer.uploaded
            down += (
                peer.downloaded - before.down if peer.downloaded >= before.down else peer.downloaded
            )
            seen[link] = Used(peer.uploaded, peer.downloaded)
        # Ended links are remembered, since one that is dialled again may carry its count on.
        self._links = seen if len(self._links) > LINKS_KEPT else self._links | seen
        return Used(up, down)


def _taken_off(content: int, nearby: int, ahead: int) -> tuple[int, int]:
    """How much of the content is the own network's, and what its links have moved beyond it.

    What they were ahead by before comes first, and is forgotten once a look has content that
    it is not part of.
    """
    if content == 0:
        return 0, ahead + nearby
    before = min(ahead, content)
    now = min(nearby, content - before)
    return before + now, nearby - now


def _months(record: Mapping[str, Any] | None) -> list[tuple[str, Used]]:
    months = record.get("months") if record and record.get("v") == VERSION else None
    if not isinstance(months, dict):
        return []
    found = []
    for month, counts in months.items():
        if not isinstance(counts, dict):
            continue
        up, down = counts.get("up"), counts.get("down")
        if type(up) is int and type(down) is int and up >= 0 and down >= 0:
            found.append((month, Used(up, down)))
    return found
