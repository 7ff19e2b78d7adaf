"""The chart of accounts: every account that the shop keeps, and how each is named.

What the shop has (assets, costs) grows by debits, plus; what it owes and earns by
credits, minus. Functions give the name of an account; the row is made when something is
posted to it.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "KINDS",
    "AccountKind",
    "AccountName",
    "Kind",
    "bank",
    "clearing",
    "connected",
    "credit",
    "credit_granted",
    "credit_held",
    "dispute_fees",
    "payouts_in_transit",
    "platform_fees",
    "pool",
    "processing_fees",
    "refunds_in_transit",
    "reward_losses",
    "rewards",
    "seller",
    "stripe",
    "tax",
]


class AccountKind(StrEnum):
    STRIPE = "stripe"
    CLEARING = "stripe_clearing"
    CONNECTED = "connected"
    BANK = "bank"
    SELLER = "seller"
    PLATFORM_FEES = "platform_fees"
    PROCESSING_FEES = "processing_fees"
    DISPUTE_FEES = "dispute_fees"
    TAX = "tax"
    CREDIT = "credit"
    CREDIT_HELD = "credit_held"
    CREDIT_GRANTED = "credit_granted"
    POOL = "pool"
    REWARDS = "rewards"
    REWARD_LOSSES = "reward_losses"
    PAYOUTS_IN_TRANSIT = "payouts_in_transit"
    REFUNDS_IN_TRANSIT = "refunds_in_transit"


@dataclass(frozen=True, slots=True)
class Kind:
    """How accounts of a kind behave.

    `sign` is +1 where the balance is shown as debits minus credits, −1 the other way
    round. `guarded`: never overdrawn. `locked`: a debit waits for the one before it.
    """

    sign: int
    meaning: str
    guarded: bool = False
    locked: bool = False


_K = AccountKind
KINDS: dict[str, Kind] = {
    _K.STRIPE: Kind(+1, "the platform's balance at Stripe"),
    _K.CLEARING: Kind(+1, "charged, and Stripe has not said yet what it keeps"),
    _K.CONNECTED: Kind(+1, "a seller's balance at Stripe"),
    _K.BANK: Kind(+1, "the platform's bank account"),
    _K.SELLER: Kind(-1, "what a seller is owed", locked=True),
    _K.PLATFORM_FEES: Kind(-1, "what the platform earns of sales"),
    _K.PROCESSING_FEES: Kind(+1, "what Stripe keeps of payments"),
    _K.DISPUTE_FEES: Kind(+1, "what disputes cost"),
    _K.TAX: Kind(-1, "tax that is owed to a state"),
    _K.CREDIT: Kind(-1, "a person's shop credit", guarded=True, locked=True),
    _K.CREDIT_HELD: Kind(-1, "shop credit set aside for a bill", guarded=True, locked=True),
    _K.CREDIT_GRANTED: Kind(+1, "shop credit given as goodwill"),
    _K.POOL: Kind(-1, "what is set aside for the delivery of an order", guarded=True, locked=True),
    _K.REWARDS: Kind(-1, "earned by delivering, and not yet given as credit"),
    _K.REWARD_LOSSES: Kind(+1, "given for delivering what was refunded afterwards"),
    _K.PAYOUTS_IN_TRANSIT: Kind(-1, "on its way to sellers"),
    _K.REFUNDS_IN_TRANSIT: Kind(-1, "on its way back to buyers"),
}


@dataclass(frozen=True, slots=True, order=True)
class AccountName:
    """An account before its row is known."""

    code: str
    kind: AccountKind
    currency: str
    owner_id: uuid.UUID | None = None


def _shop(kind: AccountKind, currency: str) -> AccountName:
    return AccountName(f"{kind}:{currency}", kind, currency)


def _of(kind: AccountKind, owner_id: uuid.UUID, currency: str) -> AccountName:
    return AccountName(f"{kind}:{owner_id}:{currency}", kind, currency, owner_id)


def stripe(currency: str) -> AccountName:
    """The platform's balance at Stripe. Every entry here names Stripe's object (`external`)."""
    return _shop(_K.STRIPE, currency)


def clearing(currency: str) -> AccountName:
    """What was charged, until Stripe's balance transaction says what arrived."""
    return _shop(_K.CLEARING, currency)


def connected(seller_id: uuid.UUID, currency: str) -> AccountName:
    """What lies in a seller's own account at Stripe."""
    return _of(_K.CONNECTED, seller_id, currency)


def bank(currency: str) -> AccountName:
    """The platform's own bank account."""
    return _shop(_K.BANK, currency)


def seller(user_id: uuid.UUID, currency: str) -> AccountName:
    """What the shop owes a seller; below zero, what the seller owes."""
    return _of(_K.SELLER, user_id, currency)


def platform_fees(currency: str) -> AccountName:
    """The platform's share of sales."""
    return _shop(_K.PLATFORM_FEES, currency)


def processing_fees(currency: str) -> AccountName:
    """What Stripe kept of payments."""
    return _shop(_K.PROCESSING_FEES, currency)


def dispute_fees(currency: str) -> AccountName:
    """What Stripe took for disputes."""
    return _shop(_K.DISPUTE_FEES, currency)


def tax(currency: str) -> AccountName:
    """Tax that was taken of buyers and is owed to a state."""
    return _shop(_K.TAX, currency)


def credit(user_id: uuid.UUID, currency: str) -> AccountName:
    """A person's shop credit: never below zero, never paid out."""
    return _of(_K.CREDIT, user_id, currency)


def credit_held(bill_id: uuid.UUID, currency: str) -> AccountName:
    """Shop credit that is set aside while a bill is being paid."""
    return _of(_K.CREDIT_HELD, bill_id, currency)


def credit_granted(currency: str) -> AccountName:
    """Shop credit given as goodwill: a cost of the shop."""
    return _shop(_K.CREDIT_GRANTED, currency)


def pool(order_id: uuid.UUID, currency: str) -> AccountName:
    """The part of one sale that pays for its delivery."""
    return _of(_K.POOL, order_id, currency)


def rewards(currency: str) -> AccountName:
    """What was earned by delivering and is not yet anybody's credit."""
    return _shop(_K.REWARDS, currency)


def reward_losses(currency: str) -> AccountName:
    """What was given out of sales whose money went back afterwards: a cost of the shop."""
    return _shop(_K.REWARD_LOSSES, currency)


def payouts_in_transit(user_id: uuid.UUID, currency: str) -> AccountName:
    """Taken from a seller's balance, and not yet sent."""
    return _of(_K.PAYOUTS_IN_TRANSIT, user_id, currency)


def refunds_in_transit(currency: str) -> AccountName:
    """Taken back from sellers, and not yet gone from the balance at Stripe."""
    return _shop(_K.REFUNDS_IN_TRANSIT, currency)
