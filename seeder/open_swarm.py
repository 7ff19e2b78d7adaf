"""Downloading and sharing after the shop's end: open torrents, and peers that name each other.

No tracker is left. Peers are found in the DHT, on the local network, or are named by hand.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from seeder.alerts import TorrentState
from seeder.errors import RecoveryError, SeederError
from seeder.governor import Governor, held_note
from seeder.item_state import ItemState, Wholeness
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.session import Session, TorrentSnapshot
from seeder.store import Store
from seeder.tending import DiskWatch, Forgiveness, Room
from seeder.torrents import read_metainfo

__all__ = ["Address", "OpenSwarm", "parse_peer"]

Address = tuple[str, int]  # IP address and TCP port
DIAL_PAUSE = timedelta(seconds=5)


def parse_peer(text: str) -> Address:
    """The address in HOST:PORT, [v6]:PORT too. Raises RecoveryError where it is none."""
    host, _colon, port = text.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        address = found[0][4]
        return str(address[0]), int(address[1])
    except (OSError, ValueError, IndexError, OverflowError) as error:
        raise RecoveryError(
            f"{text!r} is not the address of a peer that can be found. "
            "Give it as in 192.0.2.7:6881."
        ) from error


class OpenSwarm:
    """What is unlocked, on its way to this machine and from it. Called by one thread."""

    def __init__(
        self,
        items: Sequence[LibraryItem],
        session: Session,
        store: Store,
        papers: Callable[[str], Papers],
        *,
        peers: Sequence[Address],
        clock: Callable[[], datetime],
        governor: Governor | None = None,
    ) -> None:
        self._governor = governor
        self._items = tuple({item.package: item for item in items}.values())
        self._session = session
        self._store = store
        self._papers = papers
        self._peers = tuple(peers)
        self._clock = clock
        self._dial_at = clock()
        self._notes: dict[str, str] = {}
        self._room = Room(store, clock=clock)
        self._disk = DiskWatch(session, store)
        self._forgiveness = Forgiveness(session, clock=clock)
        self._wholeness = Wholeness(session, papers)

    def step(self) -> None:
        """Do what is to be done now."""
        if not self._disk.is_there():
            return
        running = {torrent.name for torrent in self._session.snapshot()}
        for item in self._items:
            if item.package not in running:
                self._add_guarded(item)
        self._room.keep(self._session)
        self._dial()
        self._wholeness.note()
        self._forgiveness.forgive()

    def states(self) -> tuple[ItemState, ...]:
        """How every unlocked purchase stands, in the library's order."""
        running = {torrent.name: torrent for torrent in self._session.snapshot()}
        return tuple(self._state(item, running.get(item.package)) for item in self._items)

    def bandwidth(self) -> dict[str, Any]:
        """What may be sent and fetched now, and what was this month."""
        return self._governor.state() if self._governor else {}

    def _add_guarded(self, item: LibraryItem) -> None:
        try:
            self._add(item)
        except SeederError as error:
            self._notes[item.package] = str(error)
        else:
            self._notes.pop(item.package, None)

    def _add(self, item: LibraryItem) -> None:
        metainfo = self._store.open_torrent(item.package)
        if metainfo is None:
            raise RecoveryError(
                f"The torrent of “{item.title}” is not on this machine. Use a recovery kit that "
                "was made after you bought it."
            )
        info = read_metainfo(metainfo, private=False)
        missing = info.total - self._store.on_disk(item.package)
        self._store.require_space(missing)
        held = self._governor is not None and self._governor.holds(item.package)
        self._session.add(metainfo, self._store.save_path, paused=held, private=False)
        if self._papers(item.package).take_doubt():
            self._session.recheck(info.info_hash)

    def _dial(self) -> None:
        """Dial the peers that were named, again and again: they may come later."""
        now = self._clock()
        if now < self._dial_at:
            return
        self._dial_at = now + DIAL_PAUSE
        for torrent in self._session.snapshot():
            if torrent.state is not TorrentState.SEEDING:
                for address in self._peers:
                    self._session.connect_peer(torrent.info_hash, address)

    def _state(self, item: LibraryItem, torrent: TorrentSnapshot | None) -> ItemState:
        note = self._notes.get(item.package, "") or held_note(torrent, self._governor)
        return ItemState.of(item, torrent, whole=self._papers(item.package).complete, note=note)
