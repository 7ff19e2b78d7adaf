"""Looking at a session's connections again and again, in a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

from seeder.accounting import Payload
from seeder.errors import SessionError
from seeder.session import PeerSnapshot, TorrentSnapshot

__all__ = ["LOOK_SECONDS", "Connections", "Looked", "Watch"]

LOOK_SECONDS: Final = 0.25
IDLE_SECONDS: Final = 1.0
IDLE_LOOKS: Final = 20
LONGEST_SECONDS: Final = 5.0
REST: Final = 49  # of fifty parts of the time, one at most is spent on looking
STOP_SECONDS: Final = 2.0

Looked = tuple[tuple[PeerSnapshot, ...], dict[str, Payload]]


class Connections(Protocol):
    """What is asked of a session."""

    def peers(self) -> tuple[PeerSnapshot, ...]: ...

    def snapshot(self) -> tuple[TorrentSnapshot, ...]: ...


class Watch:
    """Looks at a session's connections in a thread of its own, until `stop` or its end."""

    def __init__(self, session: Connections, look: Callable[[Looked], bool]) -> None:
        self._session = session
        self._look = look
        self._idle = 0
        self._had_peers = False
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="accounting", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Take the last look, and end."""
        self._stop.set()
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        pause = LOOK_SECONDS
        try:
            while not self._stop.wait(pause):
                begun = time.monotonic()
                self.look()
                pause = self._pause(time.monotonic() - begun)
            self.look()
        except SessionError:
            return  # it is closed: there is nothing to count any more

    def _pause(self, cost: float) -> float:
        """Seconds until the next look: with a thousand busy torrents, looking must not become
        the work. Fewer looks lose more of who leaves, and count nothing twice."""
        pause = LOOK_SECONDS if self._idle < IDLE_LOOKS else IDLE_SECONDS
        return min(max(pause, cost * REST), LONGEST_SECONDS)

    def look(self) -> None:
        """Look once. Raises SessionClosedError."""
        peers = self._session.peers()
        had_peers, self._had_peers = self._had_peers, bool(peers)
        if not peers and not had_peers and self._idle >= IDLE_LOOKS:
            return  # with a thousand torrents, not even their list is read for nothing
        torrents = {
            torrent.info_hash: Payload(torrent.name, torrent.received, torrent.sent)
            for torrent in self._session.snapshot()
        }
        moved = self._look((peers, torrents))
        self._idle = 0 if moved else self._idle + 1
