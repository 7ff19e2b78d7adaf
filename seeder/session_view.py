"""What a session shows of itself and its torrents, and how one waits for a change of it."""

from __future__ import annotations

from collections.abc import Callable

from seeder.alerts import PeerSnapshot, TorrentState, ask_peers
from seeder.desk import Desk
from seeder.errors import (
    SessionClosedError,
    SessionError,
    SwarmTimeoutError,
    UnknownTorrentError,
)
from seeder.line import Reach
from seeder.pump import AlertPump
from seeder.tracked import TorrentSnapshot, TrackedTorrent

__all__ = ["SessionView"]


class SessionView:
    """The half of a session that changes nothing. Every method may be called by any thread."""

    _pump: AlertPump

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._changed, self._torrents = desk.changed, desk.torrents

    @property
    def port(self) -> int:
        """The TCP port that peers dial."""
        return self._port(tls=False)

    @property
    def tls_port(self) -> int:
        """The TCP port that peers of closed swarms dial. SessionError where there is none."""
        return self._port(tls=True)

    def reach(self) -> Reach:
        """Whether others can dial this session, as far as that is known."""
        with self._changed:
            return self._desk.line.reach(
                [(heard.host, heard.port) for heard in self._desk.listening]
            )

    def snapshot(self) -> tuple[TorrentSnapshot, ...]:
        """Give every torrent as it was at the last report, in the order of adding."""
        with self._changed:
            return tuple(torrent.snapshot() for torrent in self._torrents.values())

    def peers(self) -> tuple[PeerSnapshot, ...]:
        """Ask who is connected now, in every torrent that has peers.

        Takes a question to libtorrent's thread for each of those, and no lock meanwhile.
        """
        with self._changed:
            self._require_open()
            asked = {
                name: torrent.handle
                for name, torrent in self._torrents.items()
                if torrent.status is not None and torrent.status.peers
            }
        return tuple(peer for name, handle in asked.items() for peer in ask_peers(name, handle))

    def wait_for(
        self, predicate: Callable[[tuple[TorrentSnapshot, ...]], bool], *, timeout: float
    ) -> tuple[TorrentSnapshot, ...]:
        """Wait until the snapshot fulfils the predicate; SwarmTimeoutError after `timeout` s."""
        with self._changed:
            self._require_open()
            self._wait(lambda: predicate(self.snapshot()), timeout, "the torrents")
            return self.snapshot()

    def wait_for_state(
        self, info_hash: str, state: TorrentState, *, timeout: float
    ) -> TorrentSnapshot:
        """Wait until one torrent is in the state."""
        with self._changed:
            torrent = self._torrent(info_hash)
            self._wait(
                lambda: torrent.snapshot().state is state, timeout, f"the state {state.value!r}"
            )
            return torrent.snapshot()

    # What the other threads ask for.

    def _port(self, *, tls: bool) -> int:
        for socket in self._desk.listening:
            if socket.tls is tls:
                return socket.port
        raise SessionError(f"This session has no port for {'closed' if tls else 'open'} swarms.")

    def _torrent(self, info_hash: str) -> TrackedTorrent:
        self._require_open()
        try:
            return self._torrents[info_hash]
        except KeyError:
            raise UnknownTorrentError(
                f"No torrent {info_hash[:12]}… is running here; add it first."
            ) from None

    def _require_open(self) -> None:
        if self._desk.closing:
            raise SessionClosedError("The session is closed; start the seeder again.")

    def _wait(self, condition: Callable[[], bool], timeout: float, what: str) -> None:
        def over() -> bool:
            return condition() or self._desk.closing or not self._pump.alive

        if not self._changed.wait_for(over, timeout):
            raise SwarmTimeoutError(f"Waiting for {what} took longer than {timeout:g} s.")
        if not condition():
            self._require_open()
            raise SessionError("The BitTorrent part has stopped; start the seeder again.")
