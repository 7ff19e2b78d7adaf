"""Looking after what lies on the disk while a session runs: the scrub of a buyer's seeder."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from seeder.alerts import TorrentState
from seeder.papers import Papers
from seeder.scrubbing import BackgroundScrub, Finding, Scrubber, WholePackage
from seeder.session import Session
from seeder.store import Store

__all__ = ["tend", "whole_packages"]


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
