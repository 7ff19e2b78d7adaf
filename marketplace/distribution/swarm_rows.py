"""Peers of one kind side by side, with their addresses as the bytes that are sent.

An answer is a window cut out of those bytes, so its price does not grow with the swarm.
A new peer takes a random place, and whoever stood there moves to the end (the shuffle of
Fisher and Yates, inside out): the order stays random, and so is any window of it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NamedTuple

__all__ = ["EMPTY", "FAMILIES", "Kind", "Peer", "Row", "Swarm", "Window"]

Kind = tuple[bool, int]  # whether they are seeds, and bytes of their packed hosts
FAMILIES = (4, 16)  # bytes of a packed IPv4 and IPv6 address
_PORT = 2  # bytes behind the address


@dataclass(slots=True, eq=False)
class Peer:
    """One program of a member. `expires` in the seconds of the store's clock."""

    swarm: Swarm
    member: str
    peer_id: bytes
    seed: bool
    expires: float
    # Its places in the rows of both families, -1 where it has none: one program may
    # announce over IPv4 and IPv6.
    four: int = -1
    six: int = -1

    def place(self, family: int) -> int:
        return self.four if family == 4 else self.six

    def move(self, family: int, place: int) -> None:
        if family == 4:
            self.four = place
        else:
            self.six = place


class Window(NamedTuple):
    """Some peers of a row and their packed addresses, in the same order."""

    peers: list[Peer]
    packed: bytes

    def joined(self, other: Window) -> Window:
        return Window(self.peers + other.peers, self.packed + other.packed)


EMPTY = Window([], b"")


class Row:
    """Peers that are seeds, or that are not, and their addresses of one family."""

    __slots__ = ("_family", "_width", "packed", "peers")

    def __init__(self, family: int) -> None:
        self._family = family
        self._width = family + _PORT
        self.peers: list[Peer] = []
        self.packed = bytearray()

    def __len__(self) -> int:
        return len(self.peers)

    def add(self, peer: Peer, address: bytes, chance: int) -> None:
        """Put `peer` in at a place that `chance`, a large random number, decides."""
        last = len(self.peers)
        self.peers.append(peer)
        self.packed += address
        peer.move(self._family, last)
        place = chance % (last + 1)
        if place != last:
            self._swap(place, last)

    def remove(self, peer: Peer) -> bytes:
        """Take `peer` out; give its packed address."""
        last, width = len(self.peers) - 1, self._width
        place = peer.place(self._family)
        if place != last:
            self._swap(place, last)
        self.peers.pop()
        address = bytes(self.packed[last * width :])
        del self.packed[last * width :]
        peer.move(self._family, -1)
        return address

    def address(self, peer: Peer) -> bytes:
        """The packed address of `peer`, which stands in this row."""
        at = peer.place(self._family) * self._width
        return bytes(self.packed[at : at + self._width])

    def window(self, count: int, chance: int, without: Collection[Peer]) -> Window:
        """Up to `count` peers from a place on that `chance` decides, none of `without`."""
        size, width = len(self.peers), self._width
        places = [p for p in (peer.place(self._family) for peer in without) if p >= 0]
        take = min(size, count + len(places))
        # Where all are taken, nobody is left out by the order.
        start = chance % size if take < size else 0
        end = start + take
        peers, packed = self.peers[start:end], self.packed[start * width : end * width]
        if end > size:
            peers += self.peers[: end - size]
            packed += self.packed[: (end - size) * width]
        for at in sorted([(p - start) % size for p in places], reverse=True):
            if at < take:
                del peers[at], packed[at * width : (at + 1) * width]
        del peers[count:], packed[count * width :]
        return Window(peers, bytes(packed))

    def _swap(self, one: int, other: int) -> None:
        peers, packed, width = self.peers, self.packed, self._width
        peers[one], peers[other] = peers[other], peers[one]
        peers[one].move(self._family, one)
        peers[other].move(self._family, other)
        a, b = slice(one * width, (one + 1) * width), slice(other * width, (other + 1) * width)
        packed[a], packed[b] = packed[b], packed[a]


@dataclass(slots=True, eq=False)
class Swarm:
    """The peers of one torrent, by member and by row.

    A member counts once, also where a crash left peers of it behind.
    """

    members: dict[str, tuple[Peer, ...]] = field(default_factory=dict)
    # Made where somebody needs one: most swarms have no IPv6, many one kind of peer alone.
    rows: dict[Kind, Row] = field(default_factory=dict)
    seeds: int = 0
    completed: int = 0

    def enter(self, peer: Peer) -> None:
        own = self.members.get(peer.member, ())
        self.seeds += int(peer.seed and not any(other.seed for other in own))
        self.members[peer.member] = (*own, peer)

    def leave(self, peer: Peer) -> dict[int, bytes]:
        """Take `peer` out; give its packed addresses by family."""
        rest = tuple(other for other in self.members[peer.member] if other is not peer)
        self.seeds -= int(peer.seed and not any(other.seed for other in rest))
        if rest:
            self.members[peer.member] = rest
        else:
            del self.members[peer.member]
        return {
            family: self.rows[peer.seed, family].remove(peer)
            for family in FAMILIES
            if peer.place(family) >= 0
        }

    def settle(self, peer: Peer, family: int, address: bytes, chance: int) -> None:
        """Give `peer` this address of the family."""
        row = self.rows.get((peer.seed, family))
        if row is None:
            row = self.rows[peer.seed, family] = Row(family)
        if peer.place(family) >= 0:
            row.remove(peer)
        row.add(peer, address, chance)

    def address(self, peer: Peer, family: int) -> bytes:
        """The packed address of `peer` in the family; empty where it has none."""
        return b"" if peer.place(family) < 0 else self.rows[peer.seed, family].address(peer)
