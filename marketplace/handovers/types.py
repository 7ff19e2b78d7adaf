"""What others read of handovers."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.handovers.models import Handover, Surrender

__all__ = ["Choice", "Handover", "Shelves", "Surrender"]


@dataclass(frozen=True, slots=True)
class Choice:
    """A way in which something can be handed over now. `most_days` is of a loan."""

    kind: str
    most_days: int | None = None


@dataclass(frozen=True, slots=True)
class Shelves:
    """Every handover of a person, by what it asks of them."""

    offered_to_me: tuple[Handover, ...]
    given: tuple[Handover, ...]
    received: tuple[Handover, ...]
    past: tuple[Handover, ...]
