"""What sellers are owed, by seller and by order, for whoever sends it to them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection

from django.db.models import Min, QuerySet, Sum

from marketplace.ledger.chart import KINDS, AccountKind
from marketplace.ledger.models import Posting
from marketplace.ledger.types import EntryKind

__all__ = [
    "first_sale",
    "owed_by_order",
    "sellers_with_balance",
    "sold_since",
]

_SALES = (EntryKind.CHARGE.value, EntryKind.RENEWAL.value)


def sellers_with_balance() -> list[uuid.UUID]:
    """Who is owed something in any currency, or has something in an account at Stripe."""
    rows = (
        Posting.objects.filter(
            account__kind__in=[str(AccountKind.SELLER), str(AccountKind.CONNECTED)]
        )
        .order_by()
        .values_list("account__owner_id", "account__kind", "account__currency")
        .annotate(total=Sum("amount_minor"))
    )
    have = {owner for owner, kind, _currency, total in rows if KINDS[kind].sign * total > 0}
    return sorted(owner for owner in have if owner is not None)


def owed_by_order(seller_id: uuid.UUID) -> dict[uuid.UUID, int]:
    """What each order of a seller has left for them, in minor units of its currency."""
    return _by_order(_postings().filter(account__owner_id=seller_id))


def sold_since(since: dt.datetime, *, sellers: Collection[uuid.UUID]) -> dict[uuid.UUID, int]:
    """What those orders of `sellers` have left for them that anything was booked of since then."""
    theirs = _postings().filter(account__owner_id__in=sellers)
    touched = theirs.filter(entry__at__gte=since).values("order_id")
    return _by_order(theirs.filter(order_id__in=touched))


def first_sale(seller_id: uuid.UUID) -> dt.datetime | None:
    """When a seller first sold something."""
    found = _postings().filter(account__owner_id=seller_id, entry__kind__in=_SALES)
    first: dt.datetime | None = found.aggregate(first=Min("entry__at"))["first"]
    return first


def _postings() -> QuerySet[Posting]:
    return Posting.objects.filter(account__kind=str(AccountKind.SELLER))


def _by_order(postings: QuerySet[Posting]) -> dict[uuid.UUID, int]:
    rows = (
        postings.filter(order_id__isnull=False)
        .order_by()
        .values_list("order_id")
        .annotate(total=Sum("amount_minor"))
    )
    return {order_id: -total for order_id, total in rows}
