"""What a buyer offers where they choose what they pay, as a form says it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import PriceError
from marketplace.catalog.types import Listing
from marketplace.core.money import Money, MoneyError, parse_money

__all__ = ["Offered", "offered_in"]

_LENGTH = 40


@dataclass(frozen=True, slots=True)
class Offered:
    """The `text` of the amount field, and the amount; None with a sentence where it is none."""

    text: str
    money: Money | None
    error: str = ""


def offered_in(data: Mapping[str, str], listing: Listing, *, now: dt.datetime) -> Offered:
    """What `data` offers for `listing` in its field "amount"; the suggestion, if it says nothing.

    Nothing at all where the listing has one price.
    """
    if not listing.is_open:
        return Offered("", None)
    if "amount" not in data:
        return Offered(listing.suggestion.typed(), listing.suggestion)
    text = data["amount"][:_LENGTH]
    try:
        offered = parse_money(text, listing.currency)
        return Offered(text, catalog.accept_price(listing, offered, now))
    except (MoneyError, PriceError) as error:
        return Offered(text, None, str(error))
