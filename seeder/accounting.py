"""Who sent what: payload bytes by package and label, from what connections say of themselves.

Nothing is asked here and no time is read: whoever polls the session says what it saw, in the
order of time, four times a second while there is traffic.

    a connection, first seen ─────────────────► all that it counts is its label's
    seen before, counts more ─────────────────► the difference is its label's
    seen before, counts less ─────────────────► it is a new one at the same place: all of it is
    without a label (being dialled again, or
    somebody else's program) ─────────────────► nobody's, and never anybody's later

libtorrent carries the count over when the same address and port is dialled again, and shows
it while the peer has no label yet: summed up naively, everything would count twice.

What a peer sent between the last look at it and its end is in the torrent's own total alone.
When the torrent has been quiet for a while and exactly one peer has left, it was that one's;
where several have, nobody can say, and it is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from seeder.alerts import PeerSnapshot

__all__ = ["Accounting", "Pair", "Payload", "Totals"]

QUIET_LOOKS: Final = 8  # two seconds, and so several reports of the torrent's own total
MOST_RESIDUAL: Final = 32 * 2**20  # a quarter of a second at a gigabit: more is a fault of ours
KEPT_LOOKS: Final = 2400  # a caller's port may come again within ten minutes


class Pair(NamedTuple):
    """What is counted: a package, and the peer's label."""

    package: str
    label: str


@dataclass(slots=True)
class Totals:
    """Payload bytes since the pair was first counted."""

    received: int = 0
    sent: int = 0


class Payload(NamedTuple):
    """A torrent: its package, and its own totals since it last began to run."""

    package: str
    received: int
    sent: int


class _Place(NamedTuple):
    info_hash: str
    host: str
    port: int


@dataclass(slots=True)
class _Connection:
    label: str
    dialled: bool
    received: int
    sent: int
    seen: int  # the number of the look


@dataclass(slots=True)
class _Torrent:
    """The torrent's own totals against what connections explain of them."""

    received: int = 0
    sent: int = 0
    unexplained: Totals = field(default_factory=Totals)
    left: set[str] = field(default_factory=set)
    quiet: int = 0


class Accounting:
    """Totals by pair, which only grow. `totals` are those of earlier runs."""

    def __init__(self, totals: Mapping[Pair, Totals] | None = None) -> None:
        self.totals: dict[Pair, Totals] = dict(totals or {})
        self._connections: dict[_Place, _Connection] = {}
        self._present: set[_Place] = set()
        self._torrents: dict[str, _Torrent] = {}
        self._look = 0

    def observe(self, peers: Iterable[PeerSnapshot], torrents: Mapping[str, Payload]) -> bool:
        """Take one look: all connections of the torrents that are given by info-hash.

        Returns whether any byte was counted, or left unexplained, since the look before.
        """
        self._look += 1
        present: set[_Place] = set()
        explained: dict[str, Totals] = {}
        for peer in peers:
            torrent = torrents.get(peer.info_hash)
            if torrent is None:
                continue
            place = _Place(peer.info_hash, peer.host, peer.port)
            present.add(place)
            received, sent = self._grow(place, peer)
            if peer.label and (received or sent):
                self._credit(Pair(torrent.package, peer.label), received, sent)
            sums = explained.setdefault(peer.info_hash, Totals())
            sums.received += received
            sums.sent += sent
        for place in self._present - present:
            if state := self._torrents.get(place.info_hash):
                state.left.add(self._connections[place].label)
        self._present = present
        moved = self._balance(torrents, explained)
        self._forget()
        return moved

    def _grow(self, place: _Place, peer: PeerSnapshot) -> tuple[int, int]:
        """By how much a connection has grown since it was last seen."""
        known = self._connections.get(place)
        if known is None:
            self._connections[place] = _Connection(
                peer.label, peer.outgoing, peer.downloaded, peer.uploaded, self._look
            )
            return peer.downloaded, peer.uploaded
        known.seen, known.dialled = self._look, peer.outgoing
        if not peer.label:
            # Perhaps the old count of somebody who is being dialled again: it never falls.
            received, sent = (
                max(0, peer.downloaded - known.received),
                max(0, peer.uploaded - known.sent),
            )
            known.received += received
            known.sent += sent
            return received, sent
        known.label = peer.label
        is_new = peer.downloaded < known.received or peer.uploaded < known.sent
        received = peer.downloaded - (0 if is_new else known.received)
        sent = peer.uploaded - (0 if is_new else known.sent)
        known.received, known.sent = peer.downloaded, peer.uploaded
        return received, sent

    def _credit(self, pair: Pair, received: int, sent: int) -> None:
        totals = self.totals.setdefault(pair, Totals())
        totals.received += received
        totals.sent += sent

    def _balance(self, torrents: Mapping[str, Payload], explained: Mapping[str, Totals]) -> bool:
        moved = False
        for info_hash, torrent in torrents.items():
            state = self._torrents.setdefault(info_hash, _Torrent())
            sums = explained.get(info_hash, Totals())
            received = _growth(state.received, torrent.received)
            sent = _growth(state.sent, torrent.sent)
            state.received, state.sent = torrent.received, torrent.sent
            state.unexplained.received += received - sums.received
            state.unexplained.sent += sent - sums.sent
            if received or sent or sums.received or sums.sent:
                state.quiet, moved = 0, True
                continue
            state.quiet += 1
            if state.quiet >= QUIET_LOOKS:
                self._settle(torrent.package, state)
        for info_hash in self._torrents.keys() - torrents.keys():
            del self._torrents[info_hash]
        return moved

    def _settle(self, package: str, state: _Torrent) -> None:
        """Give what is left over to the only one who left; then everything is explained."""
        rest = state.unexplained
        if len(state.left) == 1 and "" not in state.left:
            [label] = state.left
            received, sent = _believable(rest.received), _believable(rest.sent)
            if received or sent:
                self._credit(Pair(package, label), received, sent)
        state.unexplained = Totals()
        state.left.clear()

    def _forget(self) -> None:
        """Drop callers that are gone: their ports were theirs for one connection."""
        if self._look % KEPT_LOOKS:
            return
        old = self._look - KEPT_LOOKS
        for place in [p for p, c in self._connections.items() if not c.dialled and c.seen < old]:
            del self._connections[place]


def _growth(before: int, now: int) -> int:
    # It begins anew when the torrent does.
    return now - before if now >= before else now


def _believable(rest: int) -> int:
    return rest if 0 < rest <= MOST_RESIDUAL else 0
