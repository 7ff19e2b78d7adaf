"""Money: a whole number of minor units and a currency, everywhere.

Won and yen have no minor unit, most currencies have two decimals, dinars three
(ISO 4217). Nothing here is ever a float.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from marketplace.core.errors import InvalidError

__all__ = ["CURRENCIES", "Currency", "Money", "MoneyError", "parse_money"]


class MoneyError(InvalidError):
    """Text that is no amount in this currency."""

    code = "invalid_amount"


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency and the least that a card can be charged in it."""

    code: str
    decimals: int
    symbol: str
    minimum: int  # minor units; Stripe's minimum charge


CURRENCIES: dict[str, Currency] = {
    c.code: c
    for c in [
        Currency("KRW", 0, "₩", 100),
        Currency("USD", 2, "$", 50),
        Currency("EUR", 2, "€", 50),
        Currency("JPY", 0, "¥", 50),
    ]
}


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` units of `currency`: Money(1250, "USD") is 12.50 dollars."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if self.currency not in CURRENCIES:
            raise MoneyError(f"{self.currency} is not a currency of this shop")

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-CURRENCIES[self.currency].decimals)

    def __str__(self) -> str:
        unit = CURRENCIES[self.currency]
        return f"{unit.symbol}{self.decimal:,.{unit.decimals}f}"


def parse_money(text: str, currency: str) -> Money:
    """Read what a seller typed: "1,500", "12.50", "１２００".

    Raises MoneyError where it is no number, is negative, or has more decimals
    than the currency.
    """
    unit = CURRENCIES.get(currency)
    if unit is None:
        raise MoneyError(f"{currency} is not a currency of this shop")
    plain = unicodedata.normalize("NFKC", text).strip().replace(" ", "").replace("_", "")
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d*)?", plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"\d{1,12}(\.\d*)?", plain):
        raise MoneyError(f"“{text}” is not an amount; write it like 1500 or 12.50")
    amount = Decimal(plain).scaleb(unit.decimals)
    if amount != amount.to_integral_value():
        raise MoneyError(
            f"{currency} has {unit.decimals} decimals; write a whole number"
            if unit.decimals == 0
            else f"{currency} has {unit.decimals} decimals, not more"
        )
    return Money(int(amount), currency)
