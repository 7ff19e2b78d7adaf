"""Who is in which swarm: kept in memory, ended by time, told to nobody but members.

Announces are claims. A peer is what a member (a user, or the origin) said of one of its
programs, from a socket whose address we saw; whether it was truthful shows when somebody
dials it. One store serves the tracker, on its event loop, and the seeders' API, in threads:
a lock is held for microseconds, and nothing is awaited under it.

A process alone forgets everything at a restart, and the next announces bring it back.
Several processes tell each other by a feed what they hear (`swarm_redis`), so each of them
answers from its own memory.
"""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from django.conf import settings

from marketplace.distribution.announce import Announce, PeerAddress
from marketplace.distribution.swarm_changes import Change
from marketplace.distribution.swarm_redis import RedisFeed
from marketplace.distribution.swarm_rows import EMPTY, Kind, Peer, Swarm, Window

__all__ = ["LIFETIME", "SWARMS", "Feed", "SwarmSize", "Swarms", "View", "heard"]

LIFETIME = 1320.0  # seconds: two intervals and some
PEERS_PER_MEMBER = 3  # a restart without goodbye leaves one behind
MAX_PEERS_TOLD = 50
_EXPIRED_AT_ONCE = 256  # so that a crowd that went silent together holds up no announce

_Key = tuple[bytes, str, bytes]  # swarm id, member, peer id


@dataclass(frozen=True, slots=True)
class SwarmSize:
    """How many members have everything, how many not yet, how many were seen to finish."""

    seeds: int = 0
    leechers: int = 0
    completed: int = 0


class View(NamedTuple):
    """What one member is told of its swarm. `four` and `six` hold the packed addresses."""

    size: SwarmSize
    four: Window = EMPTY
    six: Window = EMPTY

    @property
    def peers(self) -> tuple[PeerAddress, ...]:
        """The same peers one by one, with their peer ids."""
        return tuple(
            PeerAddress(peer.peer_id, packed[:-2], int.from_bytes(packed[-2:], "big"))
            for window, width in ((self.four, 6), (self.six, 18))
            for at, peer in enumerate(window.peers)
            for packed in (window.packed[at * width : (at + 1) * width],)
        )


class Feed(Protocol):
    """Tells other processes what this one hears, and this one what they hear."""

    def start(self, apply: Callable[[Change], None]) -> None: ...

    def tell(self, change: Change) -> None: ...


class Swarms:
    """All swarms that this process knows. Any thread may call any method."""

    def __init__(self, *, lifetime: float = LIFETIME, feed: Feed | None = None) -> None:
        self._lifetime = lifetime
        self._feed = feed
        self._started = feed is None
        self._lock = threading.Lock()
        self._swarms: dict[bytes, Swarm] = {}
        # In the order of their last announce, so the expired ones stand in front.
        self._peers: OrderedDict[_Key, Peer] = OrderedDict()

    def heard(
        self, swarm_id: bytes, member: str, announce: Announce, host: bytes, now: float
    ) -> View:
        """Enter, renew or (on `stopped`) leave, and see whom to dial.

        `swarm_id` is the announced info-hash (20 bytes), `host` the packed address of the
        socket, `now` Unix time in seconds. A member's own peers are never among those it is
        told, and a seed is told no seeds. A member has at most three peers in a swarm; one
        more takes the place of its oldest, and one at a known address that of the peer there.
        """
        chance = secrets.randbits(64)
        change = Change(
            swarm_id,
            member,
            announce.peer_id,
            now,
            host,
            announce.port,
            announce.left == 0,
            announce.stopped,
            announce.event == "completed",
        )
        self._start()
        with self._lock:
            self._expire(now)
            self._take(change, chance)
            view = self._view(change, min(announce.numwant, MAX_PEERS_TOLD), chance)
        if self._feed is not None:
            self._feed.tell(change)
        return view

    def forget(self, swarm_id: bytes, member: str, peer_id: bytes, now: float) -> None:
        """Put a peer out: it may not be here any more."""
        change = Change(swarm_id, member, peer_id, now, left=True)
        self._start()
        with self._lock:
            self._take(change, 0)
        if self._feed is not None:
            self._feed.tell(change)

    def size(self, swarm_id: bytes) -> SwarmSize:
        """The size as of the last announce in any swarm."""
        self._start()
        with self._lock:
            return _size(self._swarms.get(swarm_id))

    def __len__(self) -> int:
        """How many peers there are in all swarms together."""
        return len(self._peers)

    def _start(self) -> None:
        """Start the feed with the first use: then this is the process that serves."""
        if self._started:
            return
        with self._lock:
            begin, self._started = not self._started, True
        if begin and self._feed is not None:
            self._feed.start(self._apply)

    def _apply(self, change: Change) -> None:
        """Take in what another process heard; what is older than our own word is dropped."""
        chance = secrets.randbits(64)
        with self._lock:
            self._expire(change.now)
            known = self._peers.get((change.swarm_id, change.member, change.peer_id))
            if known is None or known.expires <= change.now + self._lifetime:
                self._take(change, chance)

    def _take(self, change: Change, chance: int) -> None:
        key = (change.swarm_id, change.member, change.peer_id)
        if change.left:
            self._drop(key)
            return
        peer, address = self._peers.get(key), change.host + change.port.to_bytes(2, "big")
        family, expires = len(change.host), change.now + self._lifetime
        if peer is not None and peer.seed == change.seed:
            peer.expires = expires
            self._peers.move_to_end(key)
            if peer.swarm.address(peer, family) == address:
                return
        elif peer is not None and change.completed:
            peer.swarm.completed += 1
        self._settle(key, peer, change, address, chance)

    def _settle(
        self, key: _Key, peer: Peer | None, change: Change, address: bytes, chance: int
    ) -> None:
        """Enter anew, or under another address, or as a seed from now on."""
        kept = {} if peer is None else peer.swarm.leave(peer)
        swarm = self._swarms.get(change.swarm_id)
        if swarm is None:
            swarm = self._swarms[change.swarm_id] = Swarm()
        self._make_room(swarm, change, address)
        # A new one, so that a view that was given out before still tells the truth.
        expires = change.now + self._lifetime
        peer = Peer(swarm, change.member, change.peer_id, change.seed, expires)
        swarm.enter(peer)
        for family, known in {**kept, len(change.host): address}.items():
            swarm.settle(peer, family, known, chance >> 32)
        self._peers[key] = peer
        self._peers.move_to_end(key)

    def _make_room(self, swarm: Swarm, change: Change, address: bytes) -> None:
        for peer in swarm.members.get(change.member, ()):
            # The same place under a new peer id is the same program, started again.
            if swarm.address(peer, len(change.host)) == address:
                self._drop((change.swarm_id, change.member, peer.peer_id))
        own = sorted(swarm.members.get(change.member, ()), key=lambda peer: peer.expires)
        for peer in own[: max(0, len(own) - PEERS_PER_MEMBER + 1)]:
            self._drop((change.swarm_id, change.member, peer.peer_id))
        self._swarms[change.swarm_id] = swarm

    def _drop(self, key: _Key) -> None:
        peer = self._peers.pop(key, None)
        if peer is None:
            return
        peer.swarm.leave(peer)
        if not peer.swarm.members and not peer.swarm.completed:
            del self._swarms[key[0]]

    def _expire(self, now: float) -> None:
        for _ in range(_EXPIRED_AT_ONCE):
            key = next(iter(self._peers), None)
            if key is None or self._peers[key].expires > now:
                return
            self._drop(key)

    def _view(self, change: Change, count: int, chance: int) -> View:
        swarm = self._swarms.get(change.swarm_id)
        size = _size(swarm)
        if swarm is None or change.left or count <= 0:
            return View(size)
        own, seed = swarm.members[change.member], change.seed
        free = {}
        for kind, row in swarm.rows.items():
            # Seeds get no seeds.
            if not (seed and kind[0]) and (rest := len(row) - _places(own, kind)):
                free[kind] = rest
        found = {4: EMPTY, 16: EMPTY}
        for kind, share in _share(free, count).items():
            mine = [peer for peer in own if peer.seed == kind[0]]
            window = swarm.rows[kind].window(share, chance, mine)
            known = found[kind[1]]
            found[kind[1]] = known.joined(window) if known.peers else window
        return View(size, found[4], found[16])


def _places(own: tuple[Peer, ...], kind: Kind) -> int:
    seed, family = kind
    return sum([peer.seed == seed and peer.place(family) >= 0 for peer in own])


def _size(swarm: Swarm | None) -> SwarmSize:
    if swarm is None:
        return SwarmSize()
    return SwarmSize(swarm.seeds, len(swarm.members) - swarm.seeds, swarm.completed)


def _share(free: dict[Kind, int], count: int) -> dict[Kind, int]:
    """Spread `count` over kinds of peers; what one kind is short of goes to the others.

    Seeds and others get half each, so that a lone seed is found in any crowd.
    """
    if sum(free.values()) <= count:
        return free
    shares: dict[Kind, int] = {}
    # From the shortest on, what is left is split evenly among what is left.
    kinds = sorted(free, key=lambda kind: free[kind])
    for number, kind in enumerate(kinds):
        shares[kind] = min(free[kind], -(-count // (len(kinds) - number)))
        count -= shares[kind]
    return shares


def _feed() -> Feed | None:
    url = settings.SWARM_REDIS
    return RedisFeed(url, lifetime=LIFETIME) if url else None


# The one peer store of this process: the tracker and the API write it, pages read sizes.
SWARMS = Swarms(feed=_feed())


def heard(swarm_id: bytes, member: str, announce: Announce, host: bytes, now: float) -> View:
    """`Swarms.heard` of the store that the tracker and the API share."""
    return SWARMS.heard(swarm_id, member, announce, host, now)
