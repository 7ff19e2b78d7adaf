"""The background scrub of the origin: finds what has rotted on its disk before a buyer does."""

from __future__ import annotations

import queue
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from django.conf import settings
from django.utils import timezone

from seeder.scrubbing import BackgroundScrub, Scrubber, WholePackage
from seeder.session import Session, SessionError, TorrentState

__all__ = ["OriginScrub"]


class OriginScrub:
    """Scrubs between `with` and its end what a session seeds; `rotten` says what it found."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._found: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._scrub = BackgroundScrub(
            Scrubber(Path(settings.ORIGIN_DIR) / "scrub.json"),
            packages=self._packages,
            found=lambda finding: self._found.put(finding.package),
            clock=lambda: timezone.now().timestamp(),
        )

    def __enter__(self) -> Self:
        self._scrub.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._scrub.__exit__(kind, error, trace)

    def rotten(self) -> set[str]:
        """Give the packages in which a piece is not what was sealed, each once."""
        found: set[str] = set()
        while not self._found.empty():
            found.add(self._found.get())
        return found

    def _packages(self) -> dict[str, WholePackage]:
        # Called from the scrub's thread: the database is not asked.
        return {
            torrent.name: WholePackage(
                info_hash=torrent.info_hash,
                folder=Path(settings.STORE_DIR) / torrent.name,
                metainfo=partial(self._metainfo, torrent.info_hash),
            )
            for torrent in self._session.snapshot()
            if torrent.state is TorrentState.SEEDING
        }

    def _metainfo(self, info_hash: str) -> bytes | None:
        try:
            return self._session.metainfo(info_hash)
        except SessionError:
            return None  # taken out meanwhile
