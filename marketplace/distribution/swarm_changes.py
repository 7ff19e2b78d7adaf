"""What processes that share swarms tell each other: who was heard, where, and who left.

A change is its announce without what is a claim for statistics alone. It is written as
bytes, since thousands a second may have to be told and read.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Change", "pack", "unpack"]

# now, flags, port, bytes of host and member; swarm id and peer id have 20 bytes each.
_HEAD = struct.Struct(">dBHBH20s20s")
_SEED, _LEFT, _COMPLETED = 1, 2, 4


# A named tuple, which is made several times as fast as a frozen dataclass: there is one for
# each announce.
class Change(NamedTuple):
    """`now` in Unix seconds, `host` packed (empty where the peer left)."""

    swarm_id: bytes
    member: str
    peer_id: bytes
    now: float
    host: bytes = b""
    port: int = 0
    seed: bool = False
    left: bool = False
    completed: bool = False


def pack(change: Change) -> bytes:
    """The bytes of one change; joined they are still read one by one."""
    member = change.member.encode()
    flags = change.seed * _SEED | change.left * _LEFT | change.completed * _COMPLETED
    head = _HEAD.pack(
        change.now,
        flags,
        change.port,
        len(change.host),
        len(member),
        change.swarm_id,
        change.peer_id,
    )
    return head + change.host + member


def unpack(data: bytes) -> Iterator[Change]:
    """The changes in `data`. Raises ValueError where it is cut or no such bytes."""
    at = 0
    while at < len(data):
        try:
            now, flags, port, of_host, of_member, swarm_id, peer_id = _HEAD.unpack_from(data, at)
        except struct.error as error:
            raise ValueError("a change of the swarms is cut") from error
        at += _HEAD.size
        end = at + of_host + of_member
        if end > len(data) or of_host not in {0, 4, 16}:
            raise ValueError("a change of the swarms is cut")
        host, member = data[at : at + of_host], data[at + of_host : end].decode()
        at = end
        yield Change(
            swarm_id,
            member,
            peer_id,
            now,
            host,
            port,
            bool(flags & _SEED),
            bool(flags & _LEFT),
            bool(flags & _COMPLETED),
        )
