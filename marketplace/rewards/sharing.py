"""How a delivery pool is shared out: a pure function of who delivered how many bytes."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from marketplace.core.shares import spread

__all__ = ["Cut", "share_out"]


@dataclass(frozen=True, slots=True)
class Cut:
    """A pool in three parts that sum to it, in minor units, and the bytes that it paid for."""

    rewards: Mapping[uuid.UUID, int]
    operator: int
    seller: int
    bytes_of: Mapping[uuid.UUID, int]
    origin_bytes: int


def share_out(
    pool_minor: int, *, size: int, delivered: Mapping[uuid.UUID, int], origin: int
) -> Cut:
    """Share a pool by bytes: to each sender, for the origin, and for what nobody delivered.

    `size` is what there was to deliver, `delivered` (by sender) and `origin` what arrived and
    no other pool has paid for; all in bytes, none below zero. Where more arrived than there
    was to deliver, each counts with its part of that. Shares are whole minor units by largest
    remainders, so they sum to the pool exactly.
    """
    senders = sorted(sender for sender, count in delivered.items() if count > 0)
    counts = [*(delivered[sender] for sender in senders), origin]
    if sum(counts) > size:
        counts = list(spread(size, counts))
    undelivered = size - sum(counts)
    if size == 0:
        return Cut({}, 0, pool_minor, {}, 0)
    shares = spread(pool_minor, [*counts, undelivered])
    return Cut(
        rewards=dict(zip(senders, shares[:-2], strict=True)),
        operator=shares[-2],
        seller=shares[-1],
        bytes_of=dict(zip(senders, counts[:-1], strict=True)),
        origin_bytes=counts[-1],
    )
