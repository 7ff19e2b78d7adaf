"""What the gateway tells of a dispute, and what other apps are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from marketplace.payments.dispute_models import Answer, Dispute, EvidenceFile, Movement

__all__ = [
    "Answer",
    "Dispute",
    "DisputeRate",
    "DisputeSnapshot",
    "EvidenceFile",
    "Movement",
    "MovementSnapshot",
]


@dataclass(frozen=True, slots=True)
class MovementSnapshot:
    """A balance transaction of a dispute; amounts in minor units, below zero where taken."""

    id: str
    amount_minor: int
    fee_minor: int
    currency: str  # upper case
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class DisputeSnapshot:
    """A dispute as Stripe has it at this moment."""

    id: str
    intent_id: str
    amount_minor: int
    currency: str  # upper case
    reason: str
    status: str  # Dispute.Status
    is_refundable: bool
    due_by: dt.datetime | None
    submissions: int
    opened_at: dt.datetime
    movements: Sequence[MovementSnapshot]


@dataclass(frozen=True, slots=True)
class DisputeRate:
    """How many of somebody's payments were disputed; inquiries do not count."""

    payments: int
    disputed: int
    lost: int

    @property
    def share(self) -> float:
        """Disputed payments among all, 0 to 1; 0 where nothing was sold."""
        return self.disputed / self.payments if self.payments else 0.0
