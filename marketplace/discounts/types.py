"""What others hand in to discounts, and what they get back."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from marketplace.core.money import Money
from marketplace.discounts.models import Code, Redemption

__all__ = ["Code", "CodeTerms", "Discount", "DiscountLine", "Redemption"]


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """What a seller says of a new code.

    `percent` (1 to 100) or `amount`, not both. `minimum`: what the items must cost together;
    with an amount, in its currency. `listing_ids` empty means everything that the seller
    offers. `zone`: the IANA name of the zone in which the seller gave the times.
    `total_limit` and `buyer_limit` count bills; None is without limit.
    """

    text: str
    starts_at: dt.datetime
    percent: int | None = None
    amount: Money | None = None
    minimum: Money | None = None
    listing_ids: frozenset[uuid.UUID] = frozenset()
    ends_at: dt.datetime | None = None
    zone: str = "UTC"
    total_limit: int | None = None
    buyer_limit: int | None = 1


@dataclass(frozen=True, slots=True)
class DiscountLine:
    """One line of a bill: what it costs before any code.

    `plain` is False for what no code applies to, as a price that the buyer names.
    """

    listing_id: uuid.UUID
    seller_id: uuid.UUID
    price: Money
    plain: bool = True


@dataclass(frozen=True, slots=True)
class Discount:
    """What a code takes off each line, in the order of the lines, and in all.

    `capped`: less than the code says, since a card cannot be charged the rest.
    """

    code_id: uuid.UUID
    shown: str
    lines: tuple[Money, ...]
    total: Money
    capped: bool = False
