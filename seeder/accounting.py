"""Who sent what: payload bytes by package and label, from what connections say of themselves.

Nothing is asked here and no time is read: whoever polls the session says what it saw, in the
order of time, four times a second while there is traffic.

    a connection that was there at the last look,
    under the same label, and counts no less ────► what it has grown by is its label's
    any other: new, back, under another label,
    or counting less ────────────────────────────► what it counts beyond all that ended
                                                   connections of its address ever counted

libtorrent carries counts over: when an address and port is dialled again, but also when a
peer that had called us (from any port) is dialled where it listens. It shows the old count
before the peer has a label, or hides it until then. Summed up naively, everything would count
twice; so of a connection that was not there before, what may be an old count does not count.

What a peer sent after the last look at it, or before the first one since it came back, is in
the torrent's own total alone. When the torrent has been quiet for a while and it can be one
peer's only, it was that one's; else nobody can say, and it is nobody's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from seeder.alerts import PeerSnapshot

__all__ = ["Accounting", "Pair", "Payload", "Totals"]

QUIET_LOOKS: Final = 8  # two seconds, and so several reports of the torrent's own total
MOST_ENDED: Final = 4000  # addresses whose ended connections are remembered one by one
MOST_RESIDUAL: Final = 128 * 2**20  # a second at a gigabit: more is a fault of ours


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
    """As it was last seen, and by how much it has grown since it came."""

    label: str
    shown: Totals
    grown: Totals = field(default_factory=Totals)


@dataclass(slots=True)
class _Torrent:
    """The torrent's own totals against what connections explain of them."""

    received: int = 0
    sent: int = 0
    unexplained: Totals = field(default_factory=Totals)
    owners: set[str] = field(default_factory=set)  # whose the rest may be: two are too many
    quiet: int = 0


class Accounting:
    """Totals by pair, which only grow. `totals` are those of earlier runs."""

    def __init__(self, totals: Mapping[Pair, Totals] | None = None) -> None:
        self.totals: dict[Pair, Totals] = dict(totals or {})
        self._present: dict[_Place, _Connection] = {}
        self._ended: dict[tuple[str, str], Totals] = {}  # by info-hash and address
        self._forgotten: dict[str, Totals] = {}  # by info-hash: the most of any address
        self._torrents: dict[str, _Torrent] = {}

    def observe(self, peers: Iterable[PeerSnapshot], torrents: Mapping[str, Payload]) -> bool:
        """Take one look: all connections of the torrents that are given by info-hash.

        Returns whether any byte was counted, or left unexplained, since the look before.
        """
        before, self._present = self._present, {}
        explained: dict[str, Totals] = {}
        shown = [peer for peer in peers if peer.info_hash in torrents]
        # First who has gone, as their counts may be carried over to who has come.
        here = {_place(peer): peer for peer in shown}
        for place, known in before.items():
            if place not in here or not _goes_on(known, here[place]):
                self._end(place, known)
        if len(self._ended) > MOST_ENDED:
            self._forget_ended()
        for place, peer in here.items():
            growth = self._grow(place, peer, before.get(place))
            if peer.label and (growth.received or growth.sent):
                self._credit(Pair(torrents[peer.info_hash].package, peer.label), growth)
            _add(explained.setdefault(peer.info_hash, Totals()), growth)
        return self._balance(torrents, explained)

    def add(self, totals: Mapping[Pair, Totals]) -> None:
        """Add what was counted elsewhere, or was taken out of `totals` before."""
        for pair, more in totals.items():
            self._credit(pair, more)

    def _end(self, place: _Place, known: _Connection) -> None:
        at, most = (place.info_hash, place.host), self._forgotten.get(place.info_hash, Totals())
        _add(self._ended.setdefault(at, Totals(*_both(most))), known.grown)
        if state := self._torrents.get(place.info_hash):
            _own(state, known.label)

    def _forget_ended(self) -> None:
        """Of half the addresses, those that counted least, keep the most that any did.

        Whoever comes from an address that is not known then may be one of them, and so of
        what they count at first less is theirs, never more.
        """
        smallest = sorted(self._ended, key=lambda at: sum(_both(self._ended[at])))
        for at in smallest[: len(smallest) // 2]:
            gone, most = self._ended.pop(at), self._forgotten.setdefault(at[0], Totals())
            most.received = max(most.received, gone.received)
            most.sent = max(most.sent, gone.sent)

    def _grow(self, place: _Place, peer: PeerSnapshot, known: _Connection | None) -> Totals:
        """By how much a connection has grown since it was last seen, or came."""
        counts = Totals(peer.downloaded, peer.uploaded)
        if known is not None and _goes_on(known, peer):
            growth = _beyond(counts, known.shown)
        else:
            old = self._ended.get((place.info_hash, place.host))
            old = old or self._forgotten.get(place.info_hash, Totals())
            growth, known = _beyond(counts, old), _Connection(peer.label, counts)
            if counts != growth and (state := self._torrents.get(place.info_hash)):
                _own(state, peer.label)  # some of it may be new all the same
        known.shown = counts
        _add(known.grown, growth)
        self._present[place] = known
        return growth

    def _credit(self, pair: Pair, growth: Totals) -> None:
        _add(self.totals.setdefault(pair, Totals()), growth)

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
        if gone := self._torrents.keys() - torrents.keys():
            # Added again, they begin at nothing, and so do all their connections.
            self._torrents = {h: s for h, s in self._torrents.items() if h not in gone}
            self._ended = {k: s for k, s in self._ended.items() if k[0] not in gone}
            self._forgotten = {h: s for h, s in self._forgotten.items() if h not in gone}
        return moved

    def _settle(self, package: str, state: _Torrent) -> None:
        """Give what is left over to the only one whose it can be; then all is explained."""
        rest = state.unexplained
        if len(state.owners) == 1 and "" not in state.owners:
            [label] = state.owners
            believable = Totals(_believable(rest.received), _believable(rest.sent))
            if believable != Totals():
                self._credit(Pair(package, label), believable)
        state.unexplained = Totals()
        state.owners.clear()


def _own(state: _Torrent, label: str) -> None:
    if len(state.owners) < 2:
        state.owners.add(label)


def _both(totals: Totals) -> tuple[int, int]:
    return totals.received, totals.sent


def _place(peer: PeerSnapshot) -> _Place:
    return _Place(peer.info_hash, peer.host, peer.port)


def _goes_on(known: _Connection, peer: PeerSnapshot) -> bool:
    """Whether this can be the connection that was seen before."""
    return (
        known.label == peer.label
        and peer.downloaded >= known.shown.received
        and peer.uploaded >= known.shown.sent
    )


def _beyond(counts: Totals, old: Totals) -> Totals:
    return Totals(max(0, counts.received - old.received), max(0, counts.sent - old.sent))


def _add(sums: Totals, more: Totals) -> None:
    sums.received += more.received
    sums.sent += more.sent


def _growth(before: int, now: int) -> int:
    # It begins anew when the torrent does.
    return now - before if now >= before else now


def _believable(rest: int) -> int:
    return rest if 0 < rest <= MOST_RESIDUAL else 0
