"""What crosses the border of this app."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from marketplace.core.money import Money
from marketplace.ledger import chart
from marketplace.ledger.chart import KINDS, AccountKind, AccountName
from marketplace.ledger.models import Account, Entry, Posting

__all__ = [
    "Account",
    "AccountKind",
    "AccountName",
    "AccountTotal",
    "Entry",
    "EntryKind",
    "Line",
    "Posting",
    "chart",
    "meaning_of",
    "move",
    "name_of",
]


class EntryKind(StrEnum):
    """What happened. Statements say each in plain words (earnings/words.py)."""

    CHARGE = "charge"  # a bill was paid
    SETTLEMENT = "settlement"  # Stripe said what of it arrived
    REFUND = "refund"  # money goes back to a buyer
    REFUND_SETTLED = "refund_settled"  # it has left the balance at Stripe
    REFUND_FAILED = "refund_failed"  # it came back
    RENEWAL = "renewal"  # a subscription's invoice was paid
    TRANSFER = "transfer"  # from the platform to a seller's account at Stripe
    TRANSFER_REVERSED = "transfer_reversed"
    APPLICATION_FEE = "application_fee"  # of a destination charge, to the platform
    APPLICATION_FEE_REFUNDED = "application_fee_refunded"
    DISPUTE_OPENED = "dispute_opened"  # the disputed sum is withdrawn
    DISPUTE_WON = "dispute_won"  # and reinstated
    DISPUTE_LOST = "dispute_lost"
    DISPUTE_FEE = "dispute_fee"
    PAYOUT_STARTED = "payout_started"  # taken from the seller's balance
    PAYOUT_SENT = "payout_sent"  # gone from the account at Stripe, or from the bank
    PAYOUT_RETURNED = "payout_returned"  # failed: back in the seller's balance
    BANK = "bank"  # between the platform's balance at Stripe and its bank
    CREDIT_GRANTED = "credit_granted"
    CREDIT_HELD = "credit_held"
    CREDIT_RELEASED = "credit_released"
    REWARD = "reward"  # from a delivery pool to whoever delivered
    POOL_CLOSED = "pool_closed"
    ADJUSTMENT = "adjustment"  # by the operator; the memo says why


@dataclass(frozen=True, slots=True)
class Line:
    """A posting to be: plus is a debit, minus a credit, in the account's currency."""

    account: AccountName
    amount_minor: int
    order_id: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class AccountTotal:
    """What all accounts of a kind hold in one currency, in the kind's own sense."""

    kind: str
    total: Money
    accounts: int

    @property
    def raw_minor(self) -> int:
        """The same as debits minus credits."""
        return KINDS[self.kind].sign * self.total.minor


def move(
    *, debit: AccountName, credit: AccountName, minor: int, order_id: uuid.UUID | None = None
) -> Iterator[Line]:
    """The two lines of an entry that moves `minor` from `credit` to `debit`."""
    yield Line(debit, minor, order_id)
    yield Line(credit, -minor, order_id)


def name_of(account: Account) -> AccountName:
    """The name of an account that has a row."""
    return AccountName(account.code, AccountKind(account.kind), account.currency, account.owner_id)


def meaning_of(kind: str) -> str:
    """What accounts of a kind hold, in a few words for the operator."""
    return KINDS[kind].meaning
