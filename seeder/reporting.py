"""Telling the shop how this device stands, for its owner's library page."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from seeder.client import ShopClient
from seeder.engine import progress_report
from seeder.session import Session, TorrentSnapshot

__all__ = ["ProgressReporter"]

REPORT_ALL = timedelta(seconds=30)


class ProgressReporter:
    """Sends what changed since it last did, and everything now and then."""

    def __init__(
        self, client: ShopClient, session: Session, *, clock: Callable[[], datetime]
    ) -> None:
        self._client = client
        self._session = session
        self._clock = clock
        self._reported: tuple[TorrentSnapshot, ...] = ()
        self._report_all_at = clock()

    def report(self) -> None:
        """Raises SeederError where the shop cannot be reached; then nothing counts as sent."""
        now, snapshot = self._clock(), self._session.snapshot()
        everything = now >= self._report_all_at
        items = progress_report(() if everything else self._reported, snapshot)
        if not items:
            return
        self._client.put_progress(items)
        self._reported = snapshot
        if everything:
            self._report_all_at = now + REPORT_ALL
