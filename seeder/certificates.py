"""This device's certificates in closed swarms: asked for when a torrent runs, renewed at half-life.

One key for all of them, made at the start and kept in memory: it is of no use after an hour.
While the shop is away, what is held goes on counting until it ends; who is connected then
stays connected, but nobody new gets in.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from drm.swarm_authority import MemberCertificate, MemberKey
from seeder.alerts import TorrentState
from seeder.errors import ShopRefusedError
from seeder.session import Session, TorrentSnapshot
from seeder.swarm_calls import Shop, ask_certificate

__all__ = ["Certificates"]

MOST_AT_ONCE = 20  # questions in one step: the loop has other things to do
SHORTEST_LIFE = timedelta(minutes=2)  # what is counted on where our clock differs from the shop's
REFUSED_PAUSE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class _Held:
    certificate: MemberCertificate
    renew_at: datetime


class Certificates:
    """Hands each closed torrent of `session` its certificate. Called by one thread."""

    def __init__(self, shop: Shop, session: Session, *, clock: Callable[[], datetime]) -> None:
        self._shop = shop
        self._session = session
        self._clock = clock
        self._key = MemberKey()
        # By info-hash: another torrent of the same package may have another authority.
        self._held: dict[str, _Held] = {}
        self._refused_until: dict[str, datetime] = {}
        self.notes: dict[str, str] = {}  # by package, where the shop refuses

    def step(self, torrents: Sequence[TorrentSnapshot]) -> None:
        """Do what is due for these torrents, all of closed swarms. Raises ShopError.

        A refusal for one package raises nothing: it is in `notes`, and asked again later.
        """
        here = {torrent.info_hash for torrent in torrents}
        self._held = {one: held for one, held in self._held.items() if one in here}
        names = {torrent.name for torrent in torrents}
        self.notes = {name: note for name, note in self.notes.items() if name in names}
        questions = MOST_AT_ONCE
        for torrent in sorted(torrents, key=_urgency):
            held = self._held.get(torrent.info_hash)
            if self._due(torrent, held) and questions:
                questions -= 1
                held = self._ask(torrent) or held
            elif torrent.certified:
                continue
            if held is not None:
                self._session.set_certificate(
                    torrent.info_hash, held.certificate.pem, self._key.private_pem()
                )

    def hurry(self, package: str) -> None:
        """Ask again soon: something has changed."""
        self._refused_until.pop(package, None)

    def _due(self, torrent: TorrentSnapshot, held: _Held | None) -> bool:
        now = self._clock()
        if torrent.name in self._refused_until and now < self._refused_until[torrent.name]:
            return False
        return held is None or now >= held.renew_at

    def _ask(self, torrent: TorrentSnapshot) -> _Held | None:
        try:
            issued = ask_certificate(self._shop, torrent.name, request=self._key.request())
        except ShopRefusedError as error:
            self._refused_until[torrent.name] = self._clock() + REFUSED_PAUSE
            self.notes[torrent.name] = str(error)
            return None
        self.notes.pop(torrent.name, None)
        now = self._clock()
        life = max(issued.expires_at - now, SHORTEST_LIFE)
        # Spread out: all were asked for at the start.
        held = _Held(issued, now + life * (0.4 + secrets.randbelow(200) / 1000))
        self._held[torrent.info_hash] = held
        return held


def _urgency(torrent: TorrentSnapshot) -> tuple[bool, bool]:
    """Downloads before seeds, and who has none before who has an old one."""
    return (torrent.state is not TorrentState.DOWNLOADING, torrent.certified)
