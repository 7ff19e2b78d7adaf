"""What the gateway tells of accounts, transfers and payouts at Stripe."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["AccountSnapshot", "DestinationSnapshot", "MovementSnapshot", "PayoutSnapshot"]


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    """A connected account as Stripe has it at this moment."""

    id: str
    submitted: bool  # the seller has filled in the form
    receives: bool  # money may be sent to it
    pays_out: bool  # and may go on to its bank
    disabled: str  # why not: "rejected.fraud"; empty where nothing is wrong


@dataclass(frozen=True, slots=True)
class MovementSnapshot:
    """A transfer or a reversal: its id, and the platform's balance transaction."""

    id: str
    transaction_id: str


@dataclass(frozen=True, slots=True)
class DestinationSnapshot:
    """What a destination charge sent on, and the fee that came back of it."""

    transfer: MovementSnapshot
    amount_minor: int
    fee: MovementSnapshot | None
    fee_minor: int


@dataclass(frozen=True, slots=True)
class PayoutSnapshot:
    """A payout of a connected account as Stripe has it at this moment."""

    id: str
    status: str  # pending, in_transit, paid, failed, canceled
    transaction_id: str
    failure: str
    failure_transaction_id: str
