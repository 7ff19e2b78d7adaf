"""Codes, and what they are entered for."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.core.money import Money
from marketplace.discounts import services
from marketplace.discounts.models import Code
from marketplace.discounts.types import CodeTerms, Discount, DiscountLine

__all__ = ["NOW", "line_of", "lines_of", "make_code", "reserve"]

NOW = dt.datetime(2026, 11, 25, 12, 0, tzinfo=dt.UTC)


def make_code(seller: User, text: str = "BYEOL-2026", **terms: Any) -> Code:
    """A code that has begun; ten percent where nothing else is said."""
    if "amount" not in terms:
        terms.setdefault("percent", 10)
    terms.setdefault("starts_at", NOW - dt.timedelta(days=1))
    return services.create_code(seller=seller, terms=CodeTerms(text=text, **terms), now=NOW)


def line_of(seller_id: uuid.UUID, minor: int, currency: str = "KRW", **more: Any) -> DiscountLine:
    return DiscountLine(
        more.pop("listing_id", uuid.uuid4()), seller_id, Money(minor, currency), **more
    )


def lines_of(*listings: Listing) -> list[DiscountLine]:
    return [DiscountLine(one.pk, one.seller_id, one.price) for one in listings]


def reserve(
    code: Code, buyer: User, *, bill_id: uuid.UUID | None = None, now: dt.datetime = NOW
) -> Discount:
    """A use of `code` for a bill of one item."""
    return services.reserve(
        text=code.shown,
        buyer=buyer,
        bill_id=bill_id or uuid.uuid4(),
        lines=[line_of(code.seller_id, 10_000)],
        now=now,
    )
