"""How purchases stand on this machine: for those who show it, and for the marks on the disk."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from drm.stream import ciphertext_size
from seeder.alerts import TorrentState
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.session import Session, TorrentSnapshot

__all__ = ["ItemState", "Wholeness"]


@dataclass(frozen=True, slots=True)
class ItemState:
    """How one purchase stands on this machine. Sizes in bytes, rates in bytes a second."""

    package: str
    title: str
    state: str  # waiting, checking, downloading, seeding, paused, error
    done: int
    total: int
    down_rate: int = 0
    up_rate: int = 0
    uploaded: int = 0
    peers: int = 0
    note: str = ""  # a sentence where something keeps it back

    @classmethod
    def of(
        cls, item: LibraryItem, torrent: TorrentSnapshot | None, *, whole: bool, note: str
    ) -> Self:
        """The state of a purchase whose torrent, if any, stands so; `whole` as it is marked."""
        if torrent is None:
            total = sum(ciphertext_size(file.size) for file in item.files)
            return cls(item.package, item.title, "waiting", 0, total, note=note)
        state = torrent.state.value
        if torrent.state is TorrentState.SEEDING and not whole:
            state = "checking"  # for a moment, until the last pieces are on the disk
        still = torrent.state is TorrentState.PAUSED
        return cls(
            package=item.package,
            title=item.title,
            state=state,
            # What is kept from being shared is all here, even where it was not looked through.
            done=torrent.total if still and whole else torrent.done,
            total=torrent.total,
            # libtorrent lets a rate fade out for seconds after the last byte.
            down_rate=0 if still else torrent.down_rate,
            up_rate=0 if still else torrent.up_rate,
            uploaded=torrent.uploaded,
            peers=torrent.peers,
            note=torrent.error or note,
        )

    def to_json(self) -> dict[str, str | int]:
        """Every field, without the copies that `asdict` makes."""
        return {name: getattr(self, name) for name in self.__slots__}

    @property
    def complete(self) -> bool:
        return self.state == "seeding" or (self.state == "paused" and self.done >= self.total)


def _is_finished(torrent: TorrentSnapshot) -> bool:
    """Whether all of it is here; it may be paused since its owner shares nothing."""
    if torrent.state is TorrentState.PAUSED:
        return torrent.done >= torrent.total
    return torrent.state is TorrentState.SEEDING


class Wholeness:
    """Marks what is complete, one step late: the last pieces are on the disk by then."""

    def __init__(self, session: Session, papers: Callable[[str], Papers]) -> None:
        self._session = session
        self._papers = papers
        self._seen: set[str] = set()

    def note(self) -> None:
        """Look at every torrent; to be called at each step."""
        whole = set()
        for torrent in self._session.snapshot():
            papers = self._papers(torrent.name)
            if papers.take_doubt():
                self._session.recheck(torrent.info_hash)
            elif _is_finished(torrent):
                whole.add(torrent.name)
                if torrent.name in self._seen:
                    papers.mark_complete()
        self._seen = whole
