"""One torrent of a session: its last status, and when its resume data is saved.

Bookkeeping, guarded by the session's lock. The states of saving:

    IDLE ──ask──► FLUSHING ──flushed──► SAVING ──written, or nothing new──► IDLE
                     └── asked meanwhile: starts again when IDLE is reached ──┘

`save_resume_data` alone names the pieces that were on the disk *before* it
flushed (measured: up to one interval of downloading is missing), so the cache
is flushed first, and only then is the data asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from seeder.alerts import TorrentState, TorrentStatus
from seeder.errors import SourceFilesError
from seeder.files import bytes_taken
from seeder.resume import file_times
from seeder.torrents import TorrentInfo

__all__ = ["Saving", "TorrentSnapshot", "TrackedTorrent"]


@dataclass(frozen=True, slots=True)
class TorrentSnapshot:
    """One torrent at one moment. Sizes in bytes, rates in bytes a second, payload only."""

    name: str
    info_hash: str
    state: TorrentState
    done: int
    total: int
    down_rate: int
    up_rate: int
    downloaded: int  # in all sessions
    uploaded: int  # in all sessions
    failed: int  # received, but not what the torrent says
    peers: int
    seeds: int
    error: str  # a sentence, or nothing
    tracker_error: str  # what the tracker said last, or nothing
    closed: bool = False  # a closed swarm, that is entered by certificate
    certified: bool = False  # a certificate was handed in since it was added
    label: str = ""  # by which peers know it
    received: int = 0  # since it last began to run
    sent: int = 0  # since it last began to run


class Saving(Enum):
    """How far the saving of resume data is."""

    IDLE = "idle"
    FLUSHING = "flushing"
    SAVING = "saving"


class TrackedTorrent:
    """What the session knows of one torrent. `handle` is libtorrent's."""

    def __init__(
        self,
        info: TorrentInfo,
        save_path: Path,
        *,
        metainfo: bytes,
        seed_mode: bool,
        label: str = "",
    ) -> None:
        self.info = info
        self.metainfo = metainfo  # a hundredth of what libtorrent keeps of it
        self.announce = info.announce
        self.save_path = save_path
        self.folder = save_path / info.name
        self.paths = [self.folder / file.name for file in info.files]
        self.seed_mode = seed_mode
        self.label = label
        self.certified = False
        self.kept_out: frozenset[str] = frozenset()  # hosts
        self.handle: Any = None
        self.status: TorrentStatus | None = None
        self.fault = ""
        self.held = ""  # why nothing more is fetched, as a sentence
        self.tracker_error = ""
        # Whether the files were compared with the torrent since the last doubt. What was
        # added in seed mode never is as a whole, so its pieces are not remembered as known.
        self.pieces_known = False
        self._doubted = False  # a file could not be read or written since
        self.saved = False
        self.save_failed = False  # the last time
        self.saving = Saving.IDLE
        self._again = False
        # libtorrent calls a torrent finished up to 22 ms before another reader can see
        # its last pieces, so what is finished counts as being checked until a flush.
        self._ends_unflushed = False
        self._flush_covers_end = False
        self._shown: TorrentSnapshot | None = None
        self._shown_for: tuple[object, ...] = ()

    def require_sizes(self) -> None:
        """Raise SourceFilesError unless every file is there with its full size."""
        times = file_times(self.paths)
        for file, path, time in zip(self.info.files, self.paths, times, strict=True):
            if time is None or time[0] != file.size:
                found = "missing" if time is None else f"{time[0]} bytes long"
                raise SourceFilesError(
                    f"{path} is {found} instead of {file.size} bytes; restore it from a backup."
                )

    def doubt(self) -> None:
        """A file could not be read or written: the pieces are not known any more."""
        self._doubted = True
        self.pieces_known = self.saved = False

    @property
    def lost_writes(self) -> bool:
        """Whether something that was received may not be on the disk: a write failed.

        libtorrent counts a piece as there before it is written, also where that fails, and
        would call a torrent finished whose end a full disk has swallowed.
        """
        status = self.status
        # Where reading failed it has an error of its own, and nothing was lost.
        stopped = status is not None and status.state is TorrentState.ERROR and not status.error
        return self._doubted and stopped

    def go_on(self) -> None:
        """Forget why it has stopped: it is tried again."""
        self.fault = self.held = ""
        self._doubted = False

    def begin_anew(self) -> None:
        """Forget what is known of the files and of libtorrent: both begin again."""
        self.go_on()
        self.handle = self.status = None
        self.seed_mode = self.certified = self.pieces_known = self.saved = False
        self.saving, self._again = Saving.IDLE, False
        self._ends_unflushed = self._flush_covers_end = False

    @property
    def settled(self) -> bool:
        """Whether no saving is under way."""
        return self.saving is Saving.IDLE

    def ask_to_save(self, flush: Callable[[], None]) -> None:
        """Begin to save, or remember to begin again after what is under way."""
        if self.saving is not Saving.IDLE:
            self._again = True
            return
        self.saving = Saving.FLUSHING
        self._flush_covers_end = self._ends_unflushed
        flush()

    def finished(self, flush: Callable[[], None]) -> None:
        """The last piece came: it is seeding once that piece is on the disk."""
        self._ends_unflushed = True
        self.ask_to_save(flush)

    def flushed(self) -> bool:
        """The cache is flushed: say whether resume data should be asked for now."""
        if self.saving is not Saving.FLUSHING:
            return False
        if self._flush_covers_end:
            self._ends_unflushed = False
        self.saving = Saving.SAVING
        return True

    def save_ended(self, flush: Callable[[], None], *, saved: bool) -> None:
        """The answer was dealt with; begins again where that was asked meanwhile."""
        self.saved = self.saved or saved
        self.saving = Saving.IDLE
        if self._again:
            self._again = False
            self.ask_to_save(flush)

    def snapshot(self) -> TorrentSnapshot:
        """Give what is known now; before the first status it counts as being checked."""
        # A thousand idle torrents are looked at several times a second: made once, shown often.
        said = (self.fault, self.held, self.tracker_error)
        known = (self.status, self._ends_unflushed, self._doubted, self.certified, said)
        if self._shown is None or self._doubted or known != self._shown_for:
            self._shown, self._shown_for = self._look(), known
        return self._shown

    def _look(self) -> TorrentSnapshot:
        status = self.status or _unknown(self.info.info_hash)
        state = self._state(status)
        complete = state is TorrentState.SEEDING
        return TorrentSnapshot(
            name=self.info.name,
            info_hash=self.info.info_hash,
            state=state,
            done=self.info.total if complete else min(self._done(status), self.info.total),
            total=self.info.total,
            down_rate=status.down_rate,
            up_rate=status.up_rate,
            downloaded=status.downloaded,
            uploaded=status.uploaded,
            failed=status.failed,
            peers=status.peers,
            seeds=status.seeds,
            error=self._error(status),
            tracker_error=self.tracker_error,
            closed=self.info.closed,
            certified=self.certified,
            label=self.label,
            received=status.received,
            sent=status.sent,
        )

    def _done(self, status: TorrentStatus) -> int:
        if not self.lost_writes:
            return status.done
        return min(status.done, sum(map(bytes_taken, self.paths)))  # the rest is nowhere

    def _state(self, status: TorrentStatus) -> TorrentState:
        if status.state is TorrentState.SEEDING and self._ends_unflushed:
            return TorrentState.CHECKING
        return status.state

    def _error(self, status: TorrentStatus) -> str:
        if status.state is not TorrentState.ERROR:
            return ""
        if self.held:
            return self.held
        reason = status.error or self.fault or "unknown reason"
        return (
            f"The files in {self.folder} cannot be read or written ({reason}). "
            "Free space or check the disk, then resume."
        )


def _unknown(info_hash: str) -> TorrentStatus:
    return TorrentStatus(
        info_hash=info_hash,
        state=TorrentState.CHECKING,
        done=0,
        down_rate=0,
        up_rate=0,
        downloaded=0,
        uploaded=0,
        failed=0,
        peers=0,
        seeds=0,
        error="",
        unsaved=False,
    )
