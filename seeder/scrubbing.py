"""The background scrub: compares what lies on the disk with its torrent, slowly, again and again.

A seed whose file rots goes on showing 100 %, while everyone it serves bans it. So every
whole package is read once in a while, at a low rate, and hardly at all under load. A piece
that is not what the torrent says is reported; whoever hears of it has the session hash
the package again and fetch what is bad.

Its memory, a JSON file beside the session's, survives kill -9:
    at        package and number of the next piece, or null
    checked   by package: when its last pass ended, seconds since 1970
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from seeder.config import read_json
from seeder.errors import TorrentError
from seeder.files import write_atomically
from seeder.pieces import Piece, is_genuine, pieces_of

__all__ = [
    "BackgroundScrub",
    "Finding",
    "ScrubMemory",
    "Scrubber",
    "WholePackage",
    "machine_is_busy",
]

_log = logging.getLogger(__name__)

RATE = 4 * 1024 * 1024  # bytes a second: 1 TB in three days
EVERY = 30 * 86_400.0  # seconds between two passes over a package
REMEMBER = 30.0  # seconds of work that a kill may cost
LOOK = 10.0  # seconds for which what is whole is believed
TRICKLE = 30.0  # seconds between two pieces under load: it slows down, and never starves
SHARE = 0.2  # of a slow disk's time
BUSY = 0.75  # of the processors


@dataclass(frozen=True, slots=True)
class WholePackage:
    """A package that counts as whole: where it lies, and the torrent it is compared with."""

    info_hash: str
    folder: Path
    metainfo: Callable[[], bytes | None]
    private: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """A piece that is not what the torrent says; `reason` is a sentence without its end."""

    package: str
    info_hash: str
    piece: int
    reason: str


@dataclass(slots=True)
class ScrubMemory:
    """What is remembered between two runs. What cannot be read counts as never checked."""

    package: str = ""
    piece: int = 0
    checked: dict[str, float] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> Self:
        record = read_json(path) or {}
        checked, at = record.get("checked"), record.get("at")
        memory = cls()
        if isinstance(checked, dict):
            numbers = {p: m for p, m in checked.items() if isinstance(m, int | float)}
            memory.checked = {package: float(moment) for package, moment in numbers.items()}
        piece = at.get("piece") if isinstance(at, dict) else None
        if isinstance(at, dict) and isinstance(piece, int) and piece >= 0:
            memory.package, memory.piece = str(at.get("package")), piece
        return memory

    def to_json(self) -> dict[str, Any]:
        at = {"package": self.package, "piece": self.piece} if self.package else None
        return {"at": at, "checked": {p: round(moment) for p, moment in self.checked.items()}}


class Scrubber:
    """Goes over packages piece by piece. `now` is seconds since 1970; one thread calls it."""

    def __init__(self, memory_file: Path, *, every: float = EVERY) -> None:
        self._file = memory_file
        self._every = every
        self._memory = ScrubMemory.read(memory_file)
        self._saved = self._memory.to_json()
        self._open = ("", 0)  # the info-hash, and the number of the piece that comes next
        self._pieces: Iterator[Piece] = iter(())
        self._bad: set[str] = set()

    def due(self, packages: Mapping[str, WholePackage], *, now: float) -> str | None:
        """Give the package to go on with: the one begun, else the longest unchecked one."""
        checked = self._memory.checked
        for package in self._bad & packages.keys():
            # It is whole again because the session has hashed it all.
            self._bad.discard(package)
            checked[package] = now
        if self._memory.package in packages:
            return self._memory.package
        # A moment in the future is no moment: the clock was wrong then, or is now.
        waiting = [p for p in packages if not 0 <= now - checked.get(p, -1e12) < self._every]
        return min(waiting, key=lambda p: (checked.get(p, 0.0), p), default=None)

    def step(self, package: str, at: WholePackage, *, now: float) -> tuple[int, Finding | None]:
        """Check the next piece of a package: how many bytes it had, and what is wrong with it."""
        memory = self._memory
        if memory.package != package:
            memory.package, memory.piece = package, 0
        piece = self._next_piece(at)
        if piece is None:  # its end; or it has no torrent to be compared with
            memory.package, memory.piece = "", 0
            memory.checked = {p: m for p, m in memory.checked.items() if now - m < 4 * self._every}
            memory.checked[package] = now
            return 0, None
        reason = _wrong_with(piece, at.folder)
        if not reason:
            memory.piece += 1
            return piece.size, None
        # The session hashes all of it now; the next pass begins when it is whole again.
        memory.package, memory.piece = "", 0
        self._bad.add(package)
        return piece.size, Finding(package, at.info_hash, piece.number, reason)

    def withdraw(self, finding: Finding) -> None:
        """Take a finding back that nobody follows: the package is due again."""
        self._bad.discard(finding.package)

    def remember(self) -> None:
        """Write down how far it is, where that is news. Raises OSError."""
        now = self._memory.to_json()
        if now != self._saved:
            write_atomically(self._file, json.dumps(now).encode())
            self._saved = now

    def _next_piece(self, at: WholePackage) -> Piece | None:
        number = self._memory.piece
        if self._open != (at.info_hash, number):
            metainfo = at.metainfo()
            try:
                found = iter(() if metainfo is None else pieces_of(metainfo, private=at.private))
            except TorrentError:
                found = iter(())
            self._pieces = itertools.islice(found, number, None)
        self._open = (at.info_hash, number + 1)
        return next(self._pieces, None)


class BackgroundScrub:
    """Scrubs in a thread of its own between `with` and its end.

    `packages` gives what is whole now, `found` hears of each finding, `busy` says whether
    the machine has other things to do; all are called from the thread. `clock` is seconds
    since 1970, `rate` bytes a second.
    """

    def __init__(
        self,
        scrubber: Scrubber,
        *,
        packages: Callable[[], Mapping[str, WholePackage]],
        found: Callable[[Finding], None],
        clock: Callable[[], float],
        busy: Callable[[], bool] | None = None,
        rate: int = RATE,
    ) -> None:
        self._scrubber = scrubber
        self._packages = packages
        self._found = found
        self._busy = busy or machine_is_busy
        self._rate = rate
        self._clock = clock
        self._stop = threading.Event()
        self._whole: Mapping[str, WholePackage] = {}
        self._thread = threading.Thread(target=self._run, name="scrub", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        # A disk that does not answer must not hold the program: the memory is a copy behind.
        self._thread.join(1.0)

    def _run(self) -> None:
        looked_at = remembered_at = time.monotonic()
        self._whole = self._packages()
        pause = 0.0
        while not self._stop.wait(pause):
            now = time.monotonic()
            if now - looked_at >= LOOK:
                looked_at, self._whole = now, self._packages()
            if now - remembered_at >= REMEMBER:
                remembered_at = now
                self._remember()
            pause = self._step()
        self._remember()

    def _step(self) -> float:
        """Check one piece; give how long to wait until the next."""
        package = self._scrubber.due(self._whole, now=self._clock())
        if package is None:
            return LOOK
        began = time.monotonic()
        size, finding = self._scrubber.step(package, self._whole[package], now=self._clock())
        if finding is not None:
            # It may have been taken out, be hashed already, or be on a disk that was pulled
            # out, since what is whole was asked.
            self._whole = self._packages()
            if finding.package in self._whole:
                _log.warning(
                    "Package %s: piece %d %s.", package[:12], finding.piece, finding.reason
                )
                self._found(finding)
            else:
                self._scrubber.withdraw(finding)
            self._whole = {p: at for p, at in self._whole.items() if p != package}
        if size and self._busy():
            return TRICKLE
        took = time.monotonic() - began
        return max(size / self._rate - took, took * (1 - SHARE) / SHARE)

    def _remember(self) -> None:
        try:
            self._scrubber.remember()
        except OSError as error:
            _log.warning("How far the scrub is cannot be written down: %s", error)


def machine_is_busy() -> bool:
    """Whether the processors have had much to do in the last minute."""
    return os.getloadavg()[0] > BUSY * (os.cpu_count() or 1)


def _wrong_with(piece: Piece, folder: Path) -> str:
    try:
        return "" if is_genuine(piece, folder) else "is not what was bought"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
