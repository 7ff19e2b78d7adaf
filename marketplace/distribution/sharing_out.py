"""How much of what two sides say alike counts: whole numbers in and out, nothing is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

__all__ = ["ORIGIN", "Arrivals", "count_arrivals"]

ORIGIN: Final = None
_Sender = TypeVar("_Sender")


@dataclass(frozen=True, slots=True)
class Arrivals(Generic[_Sender]):
    """What reached one device: bytes by sender, as both sides said, and the origin's own count."""

    origin: int = 0
    senders: Mapping[_Sender, int] = field(default_factory=dict)


def count_arrivals(
    arrivals: Iterable[Arrivals[_Sender]], *, most: int
) -> tuple[int, dict[_Sender, int]]:
    """What counts of the origin's bytes, and of each sender's; together at most `most`.

    A device needs no byte twice, so what the origin sent it leaves so much less for others to
    have sent: nobody is paid for what the shop delivered itself. Where several devices of an
    account together got more than was bought, each of their senders has its part of it.
    """
    origin, senders = 0, dict[_Sender, int]()
    for arrival in arrivals:
        sent = min(arrival.origin, most)
        origin += sent
        for sender, part in _cut(arrival.senders, most - sent).items():
            senders[sender] = senders.get(sender, 0) + part
    total = origin + sum(senders.values())
    if total <= most:
        return origin, senders
    # Rounded down, so that no rounding pays for a byte that nobody bought.
    return origin * most // total, {s: part * most // total for s, part in senders.items()}


def _cut(parts: Mapping[_Sender, int], room: int) -> dict[_Sender, int]:
    total = sum(parts.values())
    if total <= room:
        return dict(parts)
    return {sender: part * room // total for sender, part in parts.items()}
