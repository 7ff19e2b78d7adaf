"""A seller's statement: the lines of their account as a person reads them.

Page and file are made of the same lines, so their figures cannot differ.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.core.money import CURRENCIES, Money
from marketplace.core.text import spreadsheet_cell
from marketplace.earnings.words import words_for
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind, Posting
from marketplace.orders import queries as orders
from marketplace.orders.types import Order

__all__ = ["StatementLine", "currencies_of", "currency_of", "lines_of", "postings_of", "to_csv"]

_BATCH = 500  # lines whose orders are read at once
_BOM = "\ufeff"  # without it Excel takes UTF-8 for something else


@dataclass(frozen=True, slots=True)
class StatementLine:
    """One line: when, what, how much (negative: taken), and what was there afterwards."""

    at: dt.datetime
    words: str
    order: Order | None
    amount: Money
    balance: Money


def currencies_of(seller: User) -> list[str]:
    """The currencies in which the seller ever sold something."""
    return [money.currency for money in ledger.balances_of(seller.pk, AccountKind.SELLER)]


def currency_of(seller: User, asked: str) -> str:
    """The currency of a statement: the one asked for, or the first that the seller has."""
    if asked in CURRENCIES:
        return asked
    return next(iter([*currencies_of(seller), *CURRENCIES]))


def postings_of(seller: User, currency: str) -> QuerySet[Posting]:
    """What the lines are made of, the newest first; pages are cut from it."""
    return ledger.owner_statement(seller.pk, AccountKind.SELLER, currency)


def lines_of(postings: Iterable[Posting], *, newest: Money | None = None) -> list[StatementLine]:
    """The postings (of one page, say) in words. `newest` as in ledger's `with_balances`."""
    rows = list(postings)
    known = orders.orders_by_id({row.order_id for row in rows if row.order_id})
    return [
        _line(row, balance, known) for row, balance in ledger.with_balances(rows, newest=newest)
    ]


def to_csv(seller: User, currency: str) -> str:
    """The whole statement as a file for a spreadsheet: UTF-8 with BOM, dates and amounts plain."""
    out = io.StringIO()
    out.write(_BOM)
    writer = csv.writer(out)
    writer.writerow(
        [_("Date (UTC)"), _("What"), _("Order"), _("Amount"), _("Balance"), _("Currency")]
    )
    for line in _all_lines(seller, currency):
        number = line.order.number if line.order else ""
        writer.writerow(
            [
                line.at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S"),
                spreadsheet_cell(line.words),
                spreadsheet_cell(number),
                line.amount.plain,
                line.balance.plain,
                currency,
            ]
        )
    return out.getvalue()


def _all_lines(seller: User, currency: str) -> Iterator[StatementLine]:
    postings = postings_of(seller, currency).iterator(chunk_size=_BATCH)
    before: Money | None = None
    while batch := list(itertools.islice(postings, _BATCH)):
        lines = lines_of(batch, newest=before)
        yield from lines
        last = lines[-1]
        before = Money(last.balance.minor - last.amount.minor, currency)


def _line(posting: Posting, balance: Money, known: dict[uuid.UUID, Order]) -> StatementLine:
    order = known.get(posting.order_id) if posting.order_id else None
    words = words_for(
        posting.entry.kind, title=order.title if order else "", memo=posting.entry.memo
    )
    # What the shop owes stands in the books as a credit, which is negative there.
    amount = Money(-posting.amount_minor, balance.currency)
    return StatementLine(posting.entry.at, words, order, amount, balance)
