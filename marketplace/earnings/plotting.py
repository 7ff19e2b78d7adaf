"""A small plot of what came in: one bar a day, as numbers for an inline SVG."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.accounts.types import User
from marketplace.core.money import Money
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind, EntryKind

__all__ = ["DAYS", "Bar", "Plot", "plot_of"]

DAYS = 30
HEIGHT = 96  # units of the drawing; what was taken hangs below the line
STEP = 20
_WIDTH = 14
_EARNED = [
    EntryKind.CHARGE,
    EntryKind.RENEWAL,
    EntryKind.POOL_CLOSED,
    EntryKind.REFUND,
    EntryKind.REFUND_FAILED,
    EntryKind.DISPUTE_OPENED,
    EntryKind.DISPUTE_WON,
    EntryKind.DISPUTE_LOST,
]


@dataclass(frozen=True, slots=True)
class Bar:
    """One day: `y` and `height` in units of the drawing, from the top."""

    day: dt.date
    amount: Money
    x: int
    y: int
    width: int
    height: int

    @property
    def is_loss(self) -> bool:
        return self.amount.minor < 0


@dataclass(frozen=True, slots=True)
class Plot:
    """The last thirty days; `line` is the height of zero."""

    bars: list[Bar]
    total: Money
    line: int
    width: int = DAYS * STEP
    height: int = HEIGHT


def plot_of(seller: User, currency: str, *, now: dt.datetime) -> Plot:
    """What sales brought on each of the last thirty UTC days, less what went back to buyers."""
    today = now.astimezone(dt.UTC).date()
    days = [today - dt.timedelta(days=back) for back in reversed(range(DAYS))]
    since = dt.datetime.combine(days[0], dt.time(), dt.UTC)
    sums = ledger.owner_days(seller.pk, AccountKind.SELLER, currency, since=since, entries=_EARNED)
    amounts = [sums.get(day, 0) for day in days]
    high, low = max(0, *amounts), max(0, *(-amount for amount in amounts))
    span = high + low or 1
    line = HEIGHT * high // span if high or low else HEIGHT
    bars = [
        _bar(index, day, amount, line=line, span=span, currency=currency)
        for index, (day, amount) in enumerate(zip(days, amounts, strict=True))
    ]
    return Plot(bars=bars, total=Money(sum(amounts), currency), line=line)


def _bar(index: int, day: dt.date, amount: int, *, line: int, span: int, currency: str) -> Bar:
    # The least that is not nothing can still be seen.
    height = max(2, HEIGHT * abs(amount) // span) if amount else 0
    return Bar(
        day=day,
        amount=Money(amount, currency),
        x=index * STEP + (STEP - _WIDTH) // 2,
        y=max(0, line - height) if amount > 0 else min(line, HEIGHT - height),
        width=_WIDTH,
        height=height,
    )
