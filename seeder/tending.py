"""Looking after the disk while a session runs: the scrub, and the room that is left."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from seeder.alerts import TorrentState
from seeder.engine import HoldDownload, ResumeTorrent, keep_within_space
from seeder.papers import Papers
from seeder.scrubbing import BackgroundScrub, Finding, Scrubber, WholePackage
from seeder.session import Session
from seeder.store import Store

__all__ = ["Room", "tend", "whole_packages"]

RETRY = timedelta(minutes=1)


class Room:
    """What may still be filled, and when something that stopped is tried again."""

    def __init__(self, store: Store, *, clock: Callable[[], datetime]) -> None:
        self._store = store
        self._clock = clock
        self._retry_at = clock()
        self._had_room = True

    def look(self, *, fresh: bool = False) -> tuple[int, bool]:
        """Give the bytes that are free, and whether errors are to be retried now.

        That is once a minute; and at once where there was no room and is some again.
        `fresh` counts anew what lies here, as where a decision hangs on it.
        """
        now = self._clock()
        free = self._store.free(fresh=fresh)
        retry = now >= self._retry_at or (free > 0 and not self._had_room)
        self._had_room = free > 0
        if retry:
            self._retry_at = now + RETRY
        return free, retry

    def keep(self, session: Session) -> None:
        """Hold downloads that would fill the last of it, and let them go on when they fit."""
        free, retry = self.look()
        for command in keep_within_space(session.snapshot(), free=free, retry_errors=retry):
            match command:
                case HoldDownload(_, info_hash):
                    session.hold(info_hash, self._store.why_full())
                case ResumeTorrent(_, info_hash):
                    session.resume(info_hash)


def tend(
    session: Session,
    store: Store,
    papers: Callable[[str], Papers],
    *,
    clock: Callable[[], datetime],
    private: bool = True,
) -> BackgroundScrub:
    """Give the scrub of what a session shares, to be used with `with`.

    A rotten piece leaves a doubt on the package, as a player does that meets one: the next
    step has the session hash the package again, also after a restart.
    """

    def doubt(finding: Finding) -> None:
        with suppress(OSError):  # a disk that is full; the next pass finds it again
            papers(finding.package).doubt()

    return BackgroundScrub(
        Scrubber(store.scrub_file),
        packages=lambda: whole_packages(session, store, private=private),
        found=doubt,
        clock=lambda: clock().timestamp(),
    )


def whole_packages(
    session: Session, store: Store, *, private: bool = True
) -> dict[str, WholePackage]:
    """Give the packages that a session shares as a whole."""

    def metainfo(package: str) -> Callable[[], bytes | None]:
        return lambda: store.torrent(package) if private else store.open_torrent(package)

    return {
        torrent.name: WholePackage(
            info_hash=torrent.info_hash,
            folder=store.package_folder(torrent.name),
            metainfo=metainfo(torrent.name),
            private=private,
        )
        for torrent in session.snapshot()
        if torrent.state is TorrentState.SEEDING
    }
