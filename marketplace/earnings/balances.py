"""What a seller has with the shop, currency by currency."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.accounts.types import User
from marketplace.core.money import Money
from marketplace.earnings.owed import Owed, owed_to
from marketplace.earnings.plotting import Plot, plot_of
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import chart

__all__ = ["Purse", "purses_of"]


@dataclass(frozen=True, slots=True)
class Purse:
    """One currency: what is owed to the seller and when, what is on its way, and how it came."""

    owed: Owed
    on_its_way: Money
    plot: Plot

    @property
    def balance(self) -> Money:
        """What is owed to the seller in all; below zero, what they owe."""
        return self.owed.balance


def purses_of(seller: User, *, now: dt.datetime) -> list[Purse]:
    """One purse for each currency in which the seller ever sold something."""
    return [
        Purse(
            owed=owed,
            on_its_way=ledger.balance(chart.payouts_in_transit(seller.pk, owed.balance.currency)),
            plot=plot_of(seller, owed.balance.currency, now=now),
        )
        for owed in owed_to(seller, now=now)
    ]
