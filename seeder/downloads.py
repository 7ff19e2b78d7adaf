"""Carries out what seeder.engine plans: for `run` without end, for `sync` until all is here.

The engine decides, this module fetches, adds and remembers what failed. It is called by
one thread; snapshots may be read by any.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drm.errors import DrmError
from drm.stream import ciphertext_size
from seeder.alerts import TorrentState
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.engine import (
    AddTorrent,
    Command,
    FetchLicence,
    FetchTorrent,
    HoldDownload,
    LackSpace,
    Purchase,
    RemoveTorrent,
    ResumeTorrent,
    View,
    plan,
)
from seeder.errors import (
    DeviceRemovedError,
    NotLoggedInError,
    RootKeyChangedError,
    SeederError,
    ShopUnreachableError,
    TorrentError,
)
from seeder.governor import Governor, held_note
from seeder.handovers import give_back
from seeder.item_state import ItemState, Wholeness
from seeder.library import LibraryItem, load_library, without_old_versions
from seeder.papers import Papers
from seeder.playback import Opener
from seeder.proofs import LogWatch
from seeder.receipts import Receipting
from seeder.session import Session, TorrentSnapshot
from seeder.standing import refresh_library
from seeder.store import Store
from seeder.stored import mark_held
from seeder.swarming import Swarming
from seeder.tending import DiskWatch, Forgiveness, Rest, Room
from seeder.torrents import info_hash, read_metainfo
from seeder.unlocking import keep_unlock_fresh

__all__ = ["Downloads", "is_final"]

FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(minutes=10)
TRACKER_PAUSE = timedelta(minutes=10)


def is_final(error: SeederError) -> bool:
    """Whether an error ends all work with the shop until a person acts."""
    return isinstance(error, DeviceRemovedError | NotLoggedInError | RootKeyChangedError)


@dataclass(slots=True)
class _Failure:
    sentence: str
    pause: timedelta
    until: datetime


class Downloads:
    """The purchases of one shop, on their way to this machine."""

    def __init__(
        self,
        folder: ShopFolder,
        device: DeviceKeys,
        client: ShopClient,
        session: Session,
        store: Store,
        *,
        clock: Callable[[], datetime],
        only: frozenset[str] | None = None,
    ) -> None:
        self.governor: Governor | None = None  # whose limits hold, where there are any
        self.swarming: Swarming | None = None  # who takes part in closed swarms
        self.receipting: Receipting | None = None  # who counts what goes between the peers
        self._folder = folder
        self._device = device
        self._thumbprint = device.thumbprint
        self._client = client
        self._session = session
        self._store = store
        self._clock = clock
        self._only = only
        self._opener = Opener(client.shop, folder, device, client, clock=clock)
        self._log = LogWatch(client, folder, clock=clock)
        self._failures: dict[str, _Failure] = {}
        self._papers: dict[str, Papers] = {}
        self._rest = Rest(session, clock=clock)
        self._shown: tuple[object, tuple[ItemState, ...]] | None = None
        self._tracker_asked: dict[str, datetime] = {}
        self._wholeness = Wholeness(session, self.papers)
        self._room = Room(store, clock=clock)
        self._disk = DiskWatch(session, store)
        self._forgiveness = Forgiveness(session, clock=clock)
        copy = load_library(folder)
        self.items: tuple[LibraryItem, ...] = copy.items if copy else ()

    def papers(self, package: str) -> Papers:
        """The papers of a package; kept, since they remember which words were verified."""
        papers = self._papers.get(package)
        if papers is None:
            papers = self._papers[package] = self._opener.papers(package)
        return papers

    def refresh(self) -> None:
        """Give back what is asked for; ask the shop what is bought, and for its word on what is
        no more. Raises ShopError."""
        self._client.renew_shop()
        self._papers.clear()  # the shop may have other keys now
        give_back(self._client, self._folder, self._device, clock=self._clock)
        self.items = refresh_library(
            self._client, self._folder, thumbprint=self._thumbprint, now=self._clock()
        )
        for item in self.items:
            papers = self.papers(item.package)
            mark_held(papers, self._client.shop, identity=self._device.identity, now=self._clock())
        keep_unlock_fresh(
            self._client,
            self._folder,
            self.items,
            thumbprint=self._thumbprint,
            now=self._clock(),
        )
        self._log.look()

    @property
    def note(self) -> str:
        """What the owner should know of the shop; "" where nothing is wrong with it."""
        counting = self.receipting.note if self.receipting else ""
        return self._disk.note or self._client.clock_note or self._log.note or counting

    def hurry(self) -> None:
        """Forget the pauses: something has changed."""
        self._failures.clear()
        self._rest.end()

    def hurry_swarm(self, package: str) -> None:
        """Announce a package soon: others have come or gone."""
        if self.swarming is not None:
            self.swarming.hurry(package)

    def step(self) -> None:
        """Do what is to be done now. Raises only what ends all work (`is_final`)."""
        now = self._clock()
        if not self._disk.is_there():
            self._rest.end()
            self._meet()
        else:
            self._step_on(now)
        if self.receipting is not None:
            self.receipting.step()

    def _step_on(self, now: datetime) -> None:
        if self._failures or self._rest.is_over(self.items):
            for command in plan(self._view(now)):
                self._rest.end()
                if self._do_guarded(command, now) is False:
                    break
            self._wholeness.note()
            self._forgiveness.forgive()
        self._ask_again_where_trackers_refuse(now)
        self._swarm()

    def _swarm(self) -> None:
        """Take part in closed swarms, and follow where the shop replaces a torrent."""
        if self.swarming is None:
            return
        for package in self.swarming.take_outdated():
            self._replace_guarded(package)
        self._meet()

    def _meet(self) -> None:
        """See to the peers of closed swarms."""
        if self.swarming is None:
            return
        if self.governor is not None:
            self.swarming.sharing = self.governor.sharing
        try:
            self.swarming.step()
        except SeederError as error:
            if is_final(error):
                raise

    def _view(self, now: datetime) -> View:
        wanted = self._chosen()
        purchases = tuple(
            Purchase(i.package, i.active, sum(ciphertext_size(f.size) for f in i.files))
            for i in wanted
        )
        packages = {p.package for p in purchases}
        running = self._session.snapshot()
        names = {torrent.name for torrent in running}
        located = frozenset(p for p in packages - names if self._store.torrent(p) is not None)
        free, retry = self._room.look(fresh=bool(located))
        return View(
            purchases=purchases,
            licensed=frozenset(p for p in packages if self._licensed(p)),
            located=located,
            on_disk={p: self._store.on_disk(p) for p in packages - names},
            running=running,
            free=free,
            waiting=frozenset(p for p, f in self._failures.items() if f.until > now),
            retry_errors=retry,
        )

    def _chosen(self) -> list[LibraryItem]:
        """What this process cares for: old versions of a listing only where they lie here."""
        if self._only is not None:
            return [item for item in self.items if item.package in self._only]
        return without_old_versions(self.items, here=lambda p: self._store.torrent(p) is not None)

    def _licensed(self, package: str) -> bool:
        papers = self.papers(package)
        return (
            papers.manifest_file.exists()
            and papers.licence_file.exists()
            and papers.revocation() is None
        )

    def _do_guarded(self, command: Command, now: datetime) -> bool:
        """Carry out one command; False where the shop cannot be reached at all."""
        package = command.package
        try:
            self._do(command)
        except (SeederError, DrmError) as error:
            if isinstance(error, SeederError) and is_final(error):
                raise
            before = self._failures.get(package)
            pause = min(before.pause * 2, LONGEST_PAUSE) if before else FIRST_PAUSE
            self._failures[package] = _Failure(str(error), pause, now + pause)
            return not isinstance(error, ShopUnreachableError)
        if not isinstance(command, LackSpace):
            self._failures.pop(package, None)
        return True

    def _do(self, command: Command) -> None:
        match command:
            case FetchLicence(package):
                self._opener.prepare(self._item(package))
            case FetchTorrent(package):
                self._fetch_torrent(package)
            case AddTorrent(package):
                self._add(package)
            case LackSpace(_, needed, free):
                self._store.require_space(needed, free=free)
            case RemoveTorrent(_, info_hash):
                self._session.remove(info_hash)
            case ResumeTorrent(_, info_hash):
                self._session.resume(info_hash)
            case HoldDownload(_, info_hash):
                self._session.hold(info_hash, self._store.why_full())

    def _item(self, package: str) -> LibraryItem:
        found = [item for item in self.items if item.package == package]
        return next((item for item in found if item.active), found[0])

    def _fetch_torrent(self, package: str) -> bytes:
        manifest = self._opener.manifest(package)
        metainfo = self._client.torrent(package)
        signed = [(file.size, file.root) for file in manifest.files]
        if [(file.size, file.root) for file in read_metainfo(metainfo).files] != signed:
            raise TorrentError(
                "The shop sent a torrent of other bytes than its own manifest signs. "
                "Nothing was fetched; tell the shop if it stays so."
            )
        self._store.keep_torrent(package, metainfo)
        return metainfo

    def _add(self, package: str) -> None:
        metainfo = self._store.torrent(package)
        if metainfo is None:
            return
        held = self.governor is not None and self.governor.holds(package)
        info = self._session.add(metainfo, self._store.save_path, paused=held)
        if self.papers(package).take_doubt():
            self._session.recheck(info.info_hash)

    def _ask_again_where_trackers_refuse(self, now: datetime) -> None:
        """A refused announce may mean an old token: the shop gives a new torrent file."""
        for torrent in self._session.snapshot():
            last = self._tracker_asked.get(torrent.name)
            if not torrent.tracker_error or torrent.state is TorrentState.PAUSED:
                continue
            if last is not None and now - last < TRACKER_PAUSE:
                continue
            self._tracker_asked[torrent.name] = now
            self._replace_guarded(torrent.name)

    def _replace_guarded(self, package: str) -> None:
        """Fetch the torrent of a package anew; what runs under another info-hash gives way."""
        try:
            wanted = info_hash(self._fetch_torrent(package))
            for torrent in self._session.snapshot():
                if torrent.name == package and torrent.info_hash != wanted:
                    self._session.remove(torrent.info_hash)
            self._add(package)
        except (SeederError, DrmError, OSError) as error:
            if isinstance(error, SeederError) and is_final(error):
                raise

    def bandwidth(self) -> dict[str, Any]:
        """What may be sent and fetched now, and what was this month."""
        return self.governor.state() if self.governor else {}

    def states(self) -> tuple[ItemState, ...]:
        """Every active purchase, and what is still running of others, in the library's order."""
        snapshot = self._session.snapshot()
        now = (self.items, snapshot)
        if self._shown and self._shown[0] == now and self._rest.holds and not self._failures:
            return self._shown[1]
        running = {torrent.name: torrent for torrent in snapshot}
        states: dict[str, ItemState] = {}
        for item in self._chosen():
            if item.package in states:
                continue
            if item.active or item.package in running:
                states[item.package] = self._state(item, running.get(item.package))
        self._shown = (now, tuple(states.values()))
        return self._shown[1]

    def _state(self, item: LibraryItem, torrent: TorrentSnapshot | None) -> ItemState:
        failure = self._failures.get(item.package)
        note = failure.sentence if failure else ""
        if torrent is not None:
            note = note or held_note(torrent, self.governor) or torrent.tracker_error
            note = note or (self.swarming.note(item.package) if self.swarming else "")
        return ItemState.of(item, torrent, whole=self.papers(item.package).complete, note=note)
