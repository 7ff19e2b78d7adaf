"""A buyer's shop credit: what is there, and how it came and went."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.core.money import CURRENCIES, Money
from marketplace.earnings.statement import StatementLine
from marketplace.earnings.words import words_for
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind, EntryKind, Posting
from marketplace.orders import queries as orders
from marketplace.orders.types import Order

__all__ = ["balances_of", "currency_of", "lines_of", "postings_of"]

_State = Order.State
PAID_LATE = "credit-paid-late:"  # how checkout/crediting.py names such a grant


def balances_of(user: User) -> list[Money]:
    """The credit of `user`, one amount for each currency in which they ever had any."""
    return ledger.balances_of(user.pk, AccountKind.CREDIT)


def currency_of(user: User, asked: str) -> str:
    """The currency of a statement: the one asked for, or the first that the person has."""
    have = [money.currency for money in balances_of(user)]
    if asked in CURRENCIES:
        return asked
    return have[0] if have else next(iter(CURRENCIES))


def postings_of(user: User, currency: str) -> QuerySet[Posting]:
    """What the lines are made of, the newest first; pages are cut from it."""
    return ledger.owner_statement(user.pk, AccountKind.CREDIT, currency)


def lines_of(postings: Iterable[Posting]) -> list[StatementLine]:
    """The postings (of one page, say) in words, each with the order that it is about."""
    rows = list(postings)
    bills = ledger.counterparts([row.entry_id for row in rows], AccountKind.CREDIT_HELD)
    by_bill = orders.orders_of_bills(set(bills.values()))
    by_id = orders.orders_by_id({row.order_id for row in rows if row.order_id})
    return [
        _line(row, balance, _about(row, bills, by_bill, by_id))
        for row, balance in ledger.with_balances(rows)
    ]


def _about(
    row: Posting,
    bills: dict[int, uuid.UUID],
    by_bill: dict[uuid.UUID, list[Order]],
    by_id: dict[uuid.UUID, Order],
) -> list[Order]:
    if row.order_id is not None:
        return [by_id[row.order_id]] if row.order_id in by_id else []
    return by_bill.get(bills.get(row.entry_id, uuid.UUID(int=0)), [])


def _line(posting: Posting, balance: Money, about: list[Order]) -> StatementLine:
    return StatementLine(
        at=posting.entry.at,
        words=_words(posting, about),
        order=about[0] if len(about) == 1 else None,
        # What the shop owes stands in the books as a credit, which is negative there.
        amount=Money(-posting.amount_minor, balance.currency),
        balance=balance,
    )


def _words(posting: Posting, about: list[Order]) -> str:
    entry = posting.entry
    title = ", ".join(order.title for order in about)
    if entry.source.startswith(PAID_LATE):
        return _("Credit from the shop, since your payment came late, when yours was spent")
    if entry.kind == EntryKind.CREDIT_GRANTED and entry.memo:
        return _("Credit from the shop: %(reason)s") % {"reason": entry.memo}
    if not title:
        return words_for(entry.kind, title="", memo=entry.memo)
    if entry.kind == EntryKind.CREDIT_RELEASED:
        return _("Given back, not paid: “%(title)s”") % {"title": title}
    if entry.kind == EntryKind.CREDIT_HELD:
        if any(order.state == _State.PENDING for order in about):
            return _("Set aside while you pay: “%(title)s”") % {"title": title}
        if all(order.state == _State.EXPIRED for order in about):
            return _("Set aside: “%(title)s”") % {"title": title}
        return _("For “%(title)s”") % {"title": title}
    return words_for(entry.kind, title=title, memo=entry.memo)
