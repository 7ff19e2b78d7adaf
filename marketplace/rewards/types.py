"""What crosses the border of this app."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from marketplace.core.money import Money
from marketplace.rewards.models import ClosedPool, Reward

__all__ = [
    "ClosedPool",
    "Delivered",
    "DeliveredTo",
    "Earning",
    "PoolSums",
    "Reward",
    "Settled",
]


class Delivered(Protocol):
    """So many bytes that somebody's account sent; `sender_id` None: the origin did."""

    @property
    def sender_id(self) -> uuid.UUID | None: ...

    @property
    def bytes(self) -> int: ...


# Who delivered how much of a package to a person: (package, person, until when).
DeliveredTo = Callable[[str, uuid.UUID, dt.datetime], Iterable[Delivered]]


@dataclass(slots=True)
class Settled:
    """What a run did: pools closed, rewards that became credit (by currency), failures."""

    closed: int = 0
    given: dict[str, int] = field(default_factory=dict)
    failures: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Earning:
    """What a person earned with one listing, and became theirs (or will) on one day.

    `buyers` is how many received it. `earned` is `given` + `waits` + `taken_back`.
    """

    listing_id: uuid.UUID
    title: str
    on: dt.date
    is_given: bool
    bytes: int
    buyers: int
    earned: Money
    given: Money
    waits: Money
    taken_back: Money


@dataclass(frozen=True, kw_only=True, slots=True)
class PoolSums:
    """What was set aside of one listing's sales, in one currency, and where it went.

    `aside` is `open` + `to_peers` + `to_operator` + `back` + `refunded`.
    """

    title: str
    aside: Money
    open: Money
    to_peers: Money
    to_operator: Money
    back: Money
    refunded: Money
