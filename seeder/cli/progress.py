"""Progress of downloads: bars on a terminal, lines in a log, JSON for programs."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from seeder.cli.output import emit, show_size
from seeder.item_state import ItemState

__all__ = ["Progress", "draw", "make_progress"]

WORDS = {
    "waiting": "waiting",
    "checking": "checking",
    "downloading": "downloading",
    "seeding": "here, seeding",
    "paused": "paused",
    "error": "stopped",
}


class Progress(Protocol):
    """Shows states as they come; a context manager."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None: ...

    def update(self, items: Sequence[ItemState], head: Mapping[str, Any]) -> None:
        """Show `items`; `head` says more about the moment (shop, online, note)."""


def make_progress(*, as_json: bool) -> Progress:
    if as_json:
        return JsonProgress()
    if sys.stderr.isatty():
        return LiveProgress()
    return PlainProgress()


class _Quiet(AbstractContextManager["_Quiet"]):
    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool | None:
        return None


class JsonProgress(_Quiet):
    """A line of JSON whenever something differs."""

    def __init__(self) -> None:
        self._last: object = None

    def update(self, items: Sequence[ItemState], head: Mapping[str, Any]) -> None:
        value = (dict(head), tuple(items))
        if value != self._last:
            emit({**head, "items": [item.to_json() for item in items]})
            self._last = value


class PlainProgress(_Quiet):
    """A line when an item's state changes, and each tenth of a download."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[str, int, str]] = {}
        self._note = ""
        self._limits = ""

    def update(self, items: Sequence[ItemState], head: Mapping[str, Any]) -> None:
        limits = str(head.get("limits") or "")
        if limits and limits != self._limits:
            self._print(limits)
        self._limits = limits
        note = str(head.get("note") or "")
        if note and note != self._note:
            self._print(note)
        self._note = note
        for item in items:
            tenth = item.done * 10 // item.total if item.total else 0
            shown = tenth if item.state == "downloading" else 0
            key = (item.state, shown, item.note)
            if self._said.get(item.package) == key:
                continue
            self._said[item.package] = key
            amount = f" {show_size(item.done)} of {show_size(item.total)}"
            detail = amount if item.state in {"downloading", "checking"} else ""
            said = f": {item.note}" if item.note else ""
            self._print(f"{item.title}: {_word(item)}{detail}{said}")

    @staticmethod
    def _print(line: str) -> None:
        stamp = time.strftime("%H:%M:%S")
        sys.stderr.write(f"{stamp} {line}\n")
        sys.stderr.flush()


class LiveProgress:
    """A table that stays in place."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._live = Live(console=self._console, auto_refresh=False, transient=False)

    def __enter__(self) -> Self:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def update(self, items: Sequence[ItemState], head: Mapping[str, Any]) -> None:
        self._live.update(draw(items, head), refresh=True)


def draw(items: Sequence[ItemState], head: Mapping[str, Any]) -> RenderableType:
    """The table of `LiveProgress`, for a terminal of any width."""
    table = Table(box=None, expand=True, padding=(0, 1))
    # Titles are cut where they do not fit; a note says what to do, and is never cut.
    table.add_column(str(head.get("shop", "")), ratio=3)
    table.add_column("", ratio=3, min_width=10)
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", justify="right", no_wrap=True)
    for item in items:
        table.add_row(
            Text(item.title, no_wrap=True, overflow="ellipsis"),
            ProgressBar(total=max(1, item.total), completed=item.done),
            _amount(item),
            _traffic(item),
        )
        if item.note:
            table.add_row(Padding(Text(item.note, style="yellow"), (0, 0, 0, 2)), "", "", "")
    if not items:
        asked = head.get("online", True)
        sentence = "Nothing bought yet." if asked else "Asking the shop what you bought…"
        table.add_row(Text(sentence, style="dim"), "", "", "")
    lines = [
        Padding(Text(str(head[name]), style=style), (0, 1))
        for name, style in (("limits", "dim"), ("note", "yellow"))
        if head.get(name)
    ]
    return Group(table, *lines) if lines else table


def _amount(item: ItemState) -> str:
    if item.state in {"downloading", "checking"} and item.total:
        return f"{100 * item.done // item.total} % of {show_size(item.total)}"
    return _word(item)


def _word(item: ItemState) -> str:
    if item.state == "paused" and item.complete:
        return "here, not shared"
    return WORDS.get(item.state, item.state)


def _traffic(item: ItemState) -> str:
    parts = []
    if item.down_rate:
        parts.append(f"↓ {show_size(item.down_rate)}/s")
    if item.up_rate:
        parts.append(f"↑ {show_size(item.up_rate)}/s")
    if item.peers:
        parts.append(f"{item.peers} peer{'s' if item.peers != 1 else ''}")
    return " ".join(parts)
