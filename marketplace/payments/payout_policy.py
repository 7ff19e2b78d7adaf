"""When a seller's money may leave: a delay, and a reserve that is let go by and by.

Pure reckoning. Refunds and disputes come for weeks after a sale; whoever is new, or is
often disputed, waits longer and leaves a part of each sale for a while as a reserve.
Nobody is ever held more than what they are owed, and everything is let go in the end.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["Earning", "Split", "Standing", "Terms", "split_balance", "terms_for"]

# Days since the first sale, from which these terms hold; the last that fits counts.
_BY_AGE = (
    (0, 14, 1_000, 90),  # days of delay, reserve in 1/10000 of a sale, days it is kept
    (30, 7, 500, 60),
    (180, 3, 0, 0),
)
# Disputes in 1/10000 of the sales, from which terms are at least these. Card networks
# begin to ask questions at about 75.
_BY_DISPUTES = (
    (75, 14, 1_500, 90),
    (150, 21, 2_500, 120),
)
# One dispute among a handful of sales says little: fewer sales count as so many.
_FEWEST_SALES = 100


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a seller: days since the first sale, sales and disputes of late."""

    days: int
    sales: int
    disputes: int

    @property
    def dispute_bps(self) -> int:
        """Disputes in 1/10000 of the sales, rounded down."""
        return self.disputes * 10_000 // max(self.sales, _FEWEST_SALES)


@dataclass(frozen=True, slots=True)
class Terms:
    """How long a sale waits, and what of it stays for how long after it was made."""

    delay_days: int
    reserve_bps: int
    reserve_days: int


@dataclass(frozen=True, slots=True)
class Earning:
    """What a seller has left of one sale, in minor units, and when it was made."""

    at: dt.datetime
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Split:
    """A balance in three parts that sum to it exactly, in minor units.

    Below zero, all of it is `available`: it is what the seller owes.
    """

    available: int
    pending: int
    reserve: int

    @property
    def payable(self) -> int:
        """What may be paid out now; never below zero."""
        return max(self.available, 0)


def terms_for(standing: Standing) -> Terms:
    """The terms of a seller. With age they get no worse, with disputes no better."""
    rows = [max(row for row in _BY_AGE if row[0] <= max(standing.days, 0))]
    rows += [row for row in _BY_DISPUTES if row[0] <= standing.dispute_bps]
    return Terms(
        delay_days=max(row[1] for row in rows),
        reserve_bps=max(row[2] for row in rows),
        reserve_days=max(row[3] for row in rows),
    )


def split_balance(
    balance_minor: int, earnings: Iterable[Earning], terms: Terms, *, now: dt.datetime
) -> Split:
    """What of a balance may be paid out, what still waits, and what stays as a reserve.

    `earnings` are the sales of at least the last `delay_days` and `reserve_days`. A part of
    a minor unit is kept in the reserve.
    """
    delay, kept = dt.timedelta(days=terms.delay_days), dt.timedelta(days=terms.reserve_days)
    pending = reserve = 0
    for earning in earnings:
        amount, age = max(earning.amount_minor, 0), now - earning.at
        if age < delay:
            pending += amount
        elif age < kept:
            reserve += -(-amount * terms.reserve_bps // 10_000)
    held = max(balance_minor, 0)
    pending = min(pending, held)
    reserve = min(reserve, held - pending)
    return Split(available=balance_minor - pending - reserve, pending=pending, reserve=reserve)
