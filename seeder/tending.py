"""Looking after the disk while a session runs: the scrub, the room, and whether it is there."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta

from seeder.alerts import TorrentState
from seeder.engine import HoldDownload, ResumeTorrent, keep_within_space
from seeder.errors import UnknownTorrentError
from seeder.papers import Papers
from seeder.scrubbing import BackgroundScrub, Finding, Scrubber, WholePackage
from seeder.session import Session
from seeder.store import Store

__all__ = ["DiskWatch", "Forgiveness", "Rest", "Room", "tend", "whole_packages"]

RETRY = timedelta(minutes=1)
LONGEST_REST = timedelta(seconds=10)
FIRST_GRUDGE = timedelta(minutes=1)
LONGEST_GRUDGE = timedelta(minutes=16)


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


class DiskWatch:
    """Holds everything while the disk of the store is pulled out, and lets it go on after.

    Its mount point stays, so whatever is hashed or fetched meanwhile would be found missing,
    and come again onto the wrong disk.
    """

    def __init__(self, session: Session, store: Store) -> None:
        self._session = session
        self._store = store
        self._held: set[str] = set()
        self.note = ""  # what the owner should do, as a sentence

    def is_there(self) -> bool:
        """Look, to be called at each step; where it is not there, do nothing else."""
        if self._store.is_there():
            if self.note:
                self._let_go()
            return True
        self.note = self._store.why_missing()
        for torrent in self._session.snapshot():
            # Paused ones do nothing; the limits may have let one go on that was held.
            running = torrent.state not in {TorrentState.PAUSED, TorrentState.ERROR}
            new = torrent.state is TorrentState.ERROR and torrent.info_hash not in self._held
            if running or new:
                with suppress(UnknownTorrentError):
                    self._session.hold(torrent.info_hash, self.note)
                    self._held.add(torrent.info_hash)
        return False

    def _let_go(self) -> None:
        for torrent in self._session.snapshot():
            if torrent.info_hash in self._held and torrent.state is not TorrentState.PAUSED:
                with suppress(UnknownTorrentError):
                    self._session.resume(torrent.info_hash)
        self._held.clear()
        self.note = ""


class Rest:
    """Lets a step look at everything only when something may have changed.

    A look costs some files and signatures for each purchase; a thousand that lie idle would
    take a fifth of a processor.
    """

    def __init__(self, session: Session, *, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._clock = clock
        self._seen: object = None
        self._until = clock()
        self.holds = False  # whether the last look found nothing new and nothing to do

    def end(self) -> None:
        """Look at the next step: something was done, or was heard of."""
        self._until, self.holds = self._clock(), False

    def is_over(self, purchases: object) -> bool:
        """Whether to look now: at changes, at the step after one, and every ten seconds."""
        torrents = self._session.snapshot()
        seen = (purchases, [(t.name, t.state, t.done, t.error) for t in torrents])
        now = self._clock()
        quiet = seen == self._seen and not any(t.state is TorrentState.ERROR for t in torrents)
        if quiet and self.holds and now < self._until:
            return False
        self._seen, self.holds, self._until = seen, quiet, now + LONGEST_REST
        return True


class Forgiveness:
    """Gives peers that were banned another chance, where nothing comes without them.

    libtorrent bans who sent bytes that are not what the torrent says, as long as the torrent
    is in the session. That may be the only seed, whose disk has been mended meanwhile.
    """

    def __init__(self, session: Session, *, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._clock = clock
        self._stuck: dict[str, tuple[int, datetime]] = {}  # at how many bytes, and since when
        self._grudges: dict[str, timedelta] = {}

    def forgive(self) -> None:
        """Take such torrents out; the caller adds again what is missing, and bans are forgotten.

        Nothing is hashed or fetched again for that.
        """
        now = self._clock()
        stuck: dict[str, tuple[int, datetime]] = {}
        for torrent in self._session.snapshot():
            name = torrent.info_hash
            if torrent.state is not TorrentState.DOWNLOADING or not torrent.failed:
                continue
            done, since = self._stuck.get(name, (torrent.done, now))
            grudge = self._grudges.get(name, FIRST_GRUDGE)
            if done != torrent.done or now - since < grudge:
                stuck[name] = (torrent.done, since if done == torrent.done else now)
                continue
            self._grudges[name] = min(2 * grudge, LONGEST_GRUDGE)
            self._session.remove(name, remember=True)
        self._stuck = stuck


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
    """Give the packages that a session shares as a whole; none while the disk is not there."""
    if not store.is_there():
        return {}

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
