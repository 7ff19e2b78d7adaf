"""What a seller may be paid, and what has still to wait."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.accounts.types import User
from marketplace.checkout import services as checkout
from marketplace.core.money import Money
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind

__all__ = ["Owed", "owed_to"]


@dataclass(frozen=True, slots=True)
class Owed:
    """The balance in one currency, in three parts that sum to it."""

    balance: Money
    available: Money  # below zero: what later sales make up for
    pending: Money
    reserve: Money


def owed_to(seller: User, *, now: dt.datetime) -> list[Owed]:
    """One for each currency in which the seller ever sold something."""
    return [
        _owed(seller, balance, now=now)
        for balance in ledger.balances_of(seller.pk, AccountKind.SELLER)
    ]


def _owed(seller: User, balance: Money, *, now: dt.datetime) -> Owed:
    split = checkout.earned(seller, balance.currency, now=now)
    available, pending, reserve = (
        Money(minor, balance.currency) for minor in (split.available, split.pending, split.reserve)
    )
    return Owed(balance, available, pending, reserve)
