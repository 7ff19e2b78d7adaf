"""The one thread that reads libtorrent's alerts."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from seeder.alerts import Event, StatusReport, copy_alert

__all__ = ["AlertPump"]


class AlertPump:
    """Pops alerts, copies them, and hands the copies on, all in its own thread.

    `handle` gets the events of one pop; `save` is called every `save_seconds`;
    `ended` is called last, whatever ends the thread. They are the session's, and
    take its lock themselves.
    """

    def __init__(
        self,
        session: Any,
        *,
        handle: Callable[[Sequence[Event]], None],
        save: Callable[[], None],
        ended: Callable[[], None],
        status_seconds: float,
        save_seconds: float,
    ) -> None:
        self._session = session
        self._handle = handle
        self._save = save
        self._ended = ended
        self._status_seconds = status_seconds
        self._save_seconds = save_seconds
        self._stopping = False
        # `set_alert_notify` deadlocks with the GIL; a byte in a socket does not.
        self._reader, self._writer = socket.socketpair()
        self._reader.setblocking(False)
        self._writer.setblocking(False)
        session.set_alert_fd(self._writer.fileno())
        self._thread = threading.Thread(target=self._run, name="seeder-alerts", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether alerts are still read."""
        return self._thread.is_alive() and not self._stopping

    def stop(self) -> None:
        """End the thread. The session must be dropped before `release`."""
        self._stopping = True
        with contextlib.suppress(BlockingIOError):  # full: it is awake already
            self._writer.send(b"\0")
        self._thread.join()
        self._session = None

    def release(self) -> None:
        """Close the sockets, once libtorrent's own threads no longer write to them."""
        self._reader.close()
        self._writer.close()

    def _run(self) -> None:
        next_status = 0.0
        next_save = time.monotonic() + self._save_seconds
        try:
            while not self._stopping:
                now = time.monotonic()
                if now >= next_status:
                    next_status = now + self._status_seconds
                    self._session.post_torrent_updates()
                if now >= next_save:
                    next_save = now + self._save_seconds
                    self._save()
                select.select([self._reader], [], [], max(0.0, next_status - time.monotonic()))
                with contextlib.suppress(BlockingIOError):
                    while self._reader.recv(4096):
                        pass
                self._read()
        finally:
            self._ended()

    def _read(self) -> None:
        # The list of alerts lives in this one expression: none outlasts the next pop.
        copies = [copy_alert(alert) for alert in self._session.pop_alerts()]
        if any(not isinstance(copy, StatusReport) for copy in copies):
            # Something happened: those who wait need not wait for the next report.
            self._session.post_torrent_updates()
        events = [copy for copy in copies if copy is not None]
        if events:
            self._handle(events)
