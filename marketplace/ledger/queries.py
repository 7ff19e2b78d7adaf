"""Reading balances and statements. Amounts are in the sense of their kind: debts are plus."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

from django.db.models import Count, QuerySet, Sum
from django.db.models.functions import Coalesce, TruncDate

from marketplace.core.money import CURRENCIES, Money
from marketplace.ledger import chart
from marketplace.ledger.chart import KINDS, AccountKind, AccountName
from marketplace.ledger.models import Account, Entry, Posting
from marketplace.ledger.selling import (
    first_sale,
    owed_by_order,
    sellers_with_balance,
    sold_since,
)
from marketplace.ledger.types import AccountTotal, EntryKind, Line, name_of

__all__ = [
    "balance",
    "balances_of",
    "booked",
    "counterparts",
    "earned_since",
    "entry_count",
    "entry_of",
    "external_totals",
    "first_sale",
    "lines_like",
    "order_parts",
    "owed_by_order",
    "owner_days",
    "owner_statement",
    "rewarded",
    "rewards_given",
    "sellers_with_balance",
    "sold_since",
    "sources_like",
    "sources_of",
    "totals",
    "with_balances",
]

_SALES = (EntryKind.CHARGE.value, EntryKind.RENEWAL.value)


def balance(name: AccountName) -> Money:
    """What stands on an account; zero where nothing was ever posted to it."""
    return Money(
        KINDS[name.kind].sign * _sum(Posting.objects.filter(account__code=name.code)), name.currency
    )


def balances_of(owner_id: uuid.UUID, kind: AccountKind) -> list[Money]:
    """The balances of an owner's accounts of a kind, one a currency, by currency."""
    rows = (
        Posting.objects.filter(account__owner_id=owner_id, account__kind=str(kind))
        .order_by()
        .values_list("account__currency")
        .annotate(total=Sum("amount_minor"))
    )
    sums = dict(rows)
    return [Money(KINDS[kind].sign * sums[code], code) for code in CURRENCIES if code in sums]


def owner_statement(owner_id: uuid.UUID, kind: AccountKind, currency: str) -> QuerySet[Posting]:
    """The postings of an owner's account, the newest first. Pages are cut from it."""
    found: QuerySet[Posting] = Posting.objects.filter(
        account__owner_id=owner_id, account__kind=str(kind), account__currency=currency
    )
    return found.select_related("entry", "account").order_by("-id")


def with_balances(
    rows: Sequence[Posting], *, newest: Money | None = None
) -> list[tuple[Posting, Money]]:
    """Each of `rows` with what stood on the account after it.

    `rows` are of one account, the newest first, without a gap, as a page of a statement is.
    `newest` is the balance after the first of them, where the caller knows it.
    """
    if not rows:
        return []
    account = rows[0].account
    sign = KINDS[account.kind].sign
    if newest is None:
        until = Posting.objects.filter(account_id=account.pk, id__lte=rows[0].pk)
        newest = Money(sign * _sum(until), account.currency)
    found, minor = [], newest.minor
    for row in rows:
        found.append((row, Money(minor, account.currency)))
        minor -= sign * row.amount_minor
    return found


def owner_days(
    owner_id: uuid.UUID,
    kind: AccountKind,
    currency: str,
    *,
    since: dt.datetime,
    entries: Iterable[EntryKind],
) -> dict[dt.date, int]:
    """What entries of some kinds brought an owner's account on each UTC day, in minor units."""
    rows = (
        Posting.objects.filter(
            account__owner_id=owner_id,
            account__kind=str(kind),
            account__currency=currency,
            entry__at__gte=since,
            entry__kind__in=[str(entry) for entry in entries],
        )
        .order_by()
        .values_list(TruncDate("entry__at", tzinfo=dt.UTC))
        .annotate(total=Sum("amount_minor"))
    )
    return {day: KINDS[kind].sign * total for day, total in rows}


def earned_since(
    seller_id: uuid.UUID, currency: str, *, since: dt.datetime
) -> list[tuple[dt.datetime, int]]:
    """When each sale since then was made, and what its seller has left of it, in minor units.

    An order is one sale: each paid period of a subscription has its own.
    """
    since_then = Posting.objects.filter(
        account__code=chart.seller(seller_id, currency).code,
        order_id__isnull=False,
        entry__at__gte=since,
    ).order_by()
    # What went back of these sales went back after them.
    back = dict(
        since_then.exclude(entry__kind__in=_SALES)
        .values_list("order_id")
        .annotate(total=Sum("amount_minor"))
    )
    sales = since_then.filter(entry__kind__in=_SALES)
    rows = sales.values_list("order_id", "entry__at", "amount_minor")
    return sorted((at, -minor - back.get(order_id, 0)) for order_id, at, minor in rows)


def totals() -> list[AccountTotal]:
    """What the accounts of each kind hold together, by kind and currency."""
    rows = (
        Account.objects.order_by("kind", "currency")
        .values_list("kind", "currency")
        .annotate(
            total=Coalesce(Sum("postings__amount_minor"), 0), accounts=Count("pk", distinct=True)
        )
    )
    return [
        AccountTotal(kind, Money(KINDS[kind].sign * total, currency), accounts)
        for kind, currency, total, accounts in rows
    ]


def booked(sources: Iterable[str]) -> set[str]:
    """Those of `sources` that there is an entry of."""
    rows = Entry.objects.filter(source__in=list(sources))
    return set(rows.values_list("source", flat=True))


def entry_of(source: str) -> Entry | None:
    """The entry of a source, with its postings and their accounts; None where there is none."""
    return Entry.objects.filter(source=source).prefetch_related("postings__account").first()


def entry_count() -> int:
    """How many entries there are."""
    return Entry.objects.count()


def sources_like(beginning: str) -> list[str]:
    """The sources that begin like this, the oldest first."""
    rows = Entry.objects.filter(source__startswith=beginning).order_by("id")
    return list(rows.values_list("source", flat=True))


def lines_like(beginning: str) -> list[Line]:
    """What all entries whose source begins like this did together, one line an account and order."""
    sums: dict[tuple[AccountName, uuid.UUID | None], int] = defaultdict(int)
    rows = Posting.objects.filter(entry__source__startswith=beginning).select_related("account")
    for posting in rows.order_by("id"):
        sums[name_of(posting.account), posting.order_id] += posting.amount_minor
    return [Line(name, minor, order_id) for (name, order_id), minor in sums.items() if minor]


def order_parts(
    order_ids: Collection[uuid.UUID], kinds: Iterable[AccountKind]
) -> dict[uuid.UUID, dict[AccountKind, int]]:
    """What each order has left with accounts of these kinds, in minor units, debts plus."""
    rows = (
        Posting.objects.filter(order_id__in=order_ids, account__kind__in=[str(k) for k in kinds])
        .order_by()
        .values_list("order_id", "account__kind")
        .annotate(total=Sum("amount_minor"))
    )
    parts: dict[uuid.UUID, dict[AccountKind, int]] = defaultdict(dict)
    for order_id, kind, total in rows:
        parts[order_id][AccountKind(kind)] = KINDS[kind].sign * total
    return parts


def rewards_given(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What became shop credit out of each order's delivery pool; orders without are left out."""
    rows = (
        Posting.objects.filter(
            order_id__in=order_ids,
            account__kind=str(AccountKind.REWARDS),
            entry__kind=str(EntryKind.REWARD),
        )
        .order_by()
        .values_list("order_id")
        .annotate(total=Sum("amount_minor"))
    )
    return dict(rows)


def rewarded(currency: str) -> Money:
    """All that was ever given as credit for delivering."""
    found = Posting.objects.filter(
        account__kind=str(AccountKind.CREDIT),
        account__currency=currency,
        entry__kind=str(EntryKind.REWARD),
    )
    return Money(-_sum(found), currency)


def counterparts(entry_ids: Collection[int], kind: AccountKind) -> dict[int, uuid.UUID]:
    """Of each entry, whom its account of a kind is about; entries without one are left out."""
    rows = Posting.objects.filter(
        entry_id__in=entry_ids, account__kind=str(kind), account__owner_id__isnull=False
    )
    return dict(rows.order_by().values_list("entry_id", "account__owner_id"))


def external_totals(kinds: Iterable[AccountKind]) -> dict[tuple[str, str], int]:
    """What stands on accounts of these kinds for each object at Stripe: (object, currency)."""
    rows = (
        Posting.objects.filter(account__kind__in=[str(kind) for kind in kinds])
        .order_by()
        .values_list("entry__external", "account__currency")
        .annotate(total=Sum("amount_minor"))
    )
    return {(external, currency): total for external, currency, total in rows}


def sources_of(external: str) -> list[str]:
    """The sources of the entries that name an object at Stripe."""
    rows = Entry.objects.filter(external=external).order_by("id")
    return list(rows.values_list("source", flat=True))


def _sum(postings: QuerySet[Posting]) -> int:
    total: int | None = postings.aggregate(total=Sum("amount_minor"))["total"]
    return total or 0
