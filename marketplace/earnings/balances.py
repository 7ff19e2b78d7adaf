"""What a seller has with the shop, currency by currency."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.accounts.types import User
from marketplace.core.money import Money
from marketplace.earnings.plotting import Plot, plot_of
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind, chart

__all__ = ["Purse", "purses_of"]


@dataclass(frozen=True, slots=True)
class Purse:
    """One currency: what is owed to the seller (below zero: by them), and what is on its way."""

    balance: Money
    on_its_way: Money
    plot: Plot


def purses_of(seller: User, *, now: dt.datetime) -> list[Purse]:
    """One purse for each currency in which the seller ever sold something."""
    return [
        Purse(
            balance=balance,
            on_its_way=ledger.balance(chart.payouts_in_transit(seller.pk, balance.currency)),
            plot=plot_of(seller, balance.currency, now=now),
        )
        for balance in ledger.balances_of(seller.pk, AccountKind.SELLER)
    ]
