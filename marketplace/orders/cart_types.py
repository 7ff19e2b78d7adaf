"""What is put into a cart."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from marketplace.core.money import Money, MoneyError

__all__ = ["CART_MAX", "CartWish", "price_in_token"]

CART_MAX = 50  # one payment of so many lines is more than anyone reads
_DIGITS = 15


@dataclass(frozen=True, kw_only=True, slots=True)
class CartWish:
    """What is put in: a listing, the terms that were seen (token and price), and for whom."""

    listing_id: uuid.UUID
    seen: str
    seen_price: Money
    offered: Money | None = None
    recipient_email: str = ""
    present_message: str = ""


def price_in_token(token: str) -> Money | None:
    """The price in a token of Terms; None where it is none. It decides nothing: it is what
    a page showed, to tell what has changed since.
    """
    _package, *price = token.split(":")[:3]
    if len(price) != 2 or not (price[0].isascii() and price[0].isdecimal()):
        return None
    if len(price[0]) > _DIGITS:
        return None
    try:
        return Money(int(price[0]), price[1])
    except MoneyError:
        return None
