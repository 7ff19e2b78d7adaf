"""Who is in which swarm: kept in memory, ended by time, told to nobody but members.

Announces are claims. A peer is what a member (one device, or the origin) said of
itself from a socket whose address we saw; whether it was truthful shows when
somebody dials it. A restart forgets everything, and the next announces bring it back.
"""

from __future__ import annotations

import secrets
from collections.abc import Hashable
from dataclasses import dataclass, field

from marketplace.distribution.announce import Announce, PeerAddress

__all__ = ["SWARMS", "SwarmSize", "Swarms", "View"]

LIFETIME = 1320.0  # seconds: two intervals and some
PEERS_PER_MEMBER = 3  # a restart without goodbye leaves one behind
_RANDOM = secrets.SystemRandom()


@dataclass(frozen=True, slots=True)
class SwarmSize:
    """How many members have everything, and how many not yet."""

    seeds: int = 0
    leechers: int = 0


@dataclass(frozen=True, slots=True)
class View:
    """What one member is told of its swarm."""

    size: SwarmSize
    peers: tuple[PeerAddress, ...]


@dataclass(slots=True)
class _Peer:
    member: Hashable
    peer_id: bytes
    seed: bool
    expires: float
    # By the length of the packed host: one device may announce over IPv4 and IPv6.
    addresses: dict[int, PeerAddress] = field(default_factory=dict)


@dataclass(slots=True)
class _Swarm:
    # In the order of their last announce, so the expired ones stand in front.
    peers: dict[tuple[Hashable, bytes], _Peer] = field(default_factory=dict)
    # Kept, not counted when asked: other threads ask while this one changes the peers.
    size: SwarmSize = SwarmSize()

    def drop(self, key: tuple[Hashable, bytes]) -> _Peer | None:
        return self.peers.pop(key, None)

    def add(self, peer: _Peer) -> None:
        self.peers[peer.member, peer.peer_id] = peer

    def expire(self, now: float) -> None:
        while self.peers:
            key = next(iter(self.peers))
            if self.peers[key].expires > now:
                return
            self.drop(key)

    def count(self) -> None:
        """A member counts once, also where a crash left peers of it behind."""
        members = {peer.member for peer in self.peers.values()}
        seeds = {peer.member for peer in self.peers.values() if peer.seed}
        self.size = SwarmSize(len(seeds), len(members) - len(seeds))


class Swarms:
    """All swarms of this process. `now` is a monotonic time in seconds."""

    def __init__(self, *, lifetime: float = LIFETIME) -> None:
        self._lifetime = lifetime
        self._swarms: dict[Hashable, _Swarm] = {}

    def announce(
        self, swarm_id: Hashable, member: Hashable, announce: Announce, host: bytes, *, now: float
    ) -> View:
        """Enter, renew or (on `stopped`) leave, and see whom to dial.

        A member's own peers are never among them, and a seed is given no seeds.
        """
        swarm = self._swarms.setdefault(swarm_id, _Swarm())
        swarm.expire(now)
        old = swarm.drop((member, announce.peer_id))
        if announce.stopped:
            swarm.count()
            if not swarm.peers:
                del self._swarms[swarm_id]
            return View(swarm.size, ())
        address = PeerAddress(announce.peer_id, host, announce.port)
        self._make_room(swarm, member, address)
        peer = _Peer(member, announce.peer_id, announce.left == 0, now + self._lifetime)
        peer.addresses = {**(old.addresses if old else {}), len(host): address}
        swarm.add(peer)
        swarm.count()
        return View(swarm.size, _choose(swarm, peer, announce.numwant))

    def forget(self, swarm_id: Hashable, member: Hashable) -> None:
        """Put a member out: it may not be here any more."""
        if swarm := self._swarms.get(swarm_id):
            for key in [key for key in swarm.peers if key[0] == member]:
                swarm.drop(key)
            swarm.count()

    def size(self, swarm_id: Hashable) -> SwarmSize:
        """The size as of the last announce. Safe to call from another thread."""
        swarm = self._swarms.get(swarm_id)
        return swarm.size if swarm else SwarmSize()

    def sweep(self, now: float) -> None:
        """Drop what has expired in every swarm, also where nobody announces any more."""
        for swarm_id in list(self._swarms):
            swarm = self._swarms[swarm_id]
            swarm.expire(now)
            swarm.count()
            if not swarm.peers:
                del self._swarms[swarm_id]

    def _make_room(self, swarm: _Swarm, member: Hashable, address: PeerAddress) -> None:
        own = [peer for key, peer in swarm.peers.items() if key[0] == member]
        for peer in own:
            # The same place under a new peer id is the same program, started again.
            if any(known.packed == address.packed for known in peer.addresses.values()):
                swarm.drop((member, peer.peer_id))
        kept = [peer for peer in own if (member, peer.peer_id) in swarm.peers]
        for peer in kept[: max(0, len(kept) - PEERS_PER_MEMBER + 1)]:
            swarm.drop((member, peer.peer_id))


def _choose(swarm: _Swarm, asker: _Peer, count: int) -> tuple[PeerAddress, ...]:
    others = [
        address
        for peer in swarm.peers.values()
        if peer.member != asker.member and not (asker.seed and peer.seed)
        for address in peer.addresses.values()
    ]
    return tuple(others if len(others) <= count else _RANDOM.sample(others, count))


# The one peer store of this process: the tracker writes it, the library page reads sizes.
SWARMS = Swarms()
