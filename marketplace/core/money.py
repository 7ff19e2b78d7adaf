"""Money: a whole number of minor units and a currency, everywhere.

Won and yen have no minor unit, most currencies have two decimals, dinars three
(ISO 4217). Nothing here is ever a float.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import gettext as _

from marketplace.core.errors import InvalidError

__all__ = ["CURRENCIES", "MAX_CHARGE", "Currency", "Money", "MoneyError", "parse_money"]

MAX_CHARGE = 99_999_999  # minor units: Stripe charges at most eight digits


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
            raise MoneyError(
                _("%(currency)s is not a currency of this shop.") % {"currency": self.currency}
            )

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-CURRENCIES[self.currency].decimals)

    @property
    def plain(self) -> str:
        """The amount as a person types it, which parse_money reads back: "1500", "12.50"."""
        return f"{self.decimal:.{CURRENCIES[self.currency].decimals}f}"

    def __str__(self) -> str:
        unit = CURRENCIES[self.currency]
        sign = "−" if self.minor < 0 else ""
        return f"{sign}{unit.symbol}{abs(self.decimal):,.{unit.decimals}f}"


def parse_money(text: str, currency: str) -> Money:
    """Read what a seller typed: "1,500", "₩1500", "12.50", "１２００".

    Raises MoneyError where it is no number, is negative, is beyond twelve digits, or
    has more decimals than the currency. "1.500" for dollars is refused even though it
    is a number: who writes it may mean fifteen hundred.
    """
    unit = CURRENCIES.get(currency)
    if unit is None:
        raise MoneyError(_("%(currency)s is not a currency of this shop.") % {"currency": currency})
    plain = "".join(unicodedata.normalize("NFKC", text).split())
    plain = plain.removeprefix(unicodedata.normalize("NFKC", unit.symbol))
    if plain.startswith(("-", "−", "–")):
        raise MoneyError(_("A price cannot be negative. Write 0 to give it away."))
    if re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+(\.[0-9]*)?", plain):
        plain = plain.replace(",", "")
    if not re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", plain):
        shown = text.strip()[:40]
        raise MoneyError(
            _("“%(text)s” is not an amount. Write it like 1500 or 12.50.") % {"text": shown}
        )
    decimals = len(plain.partition(".")[2])
    if decimals > unit.decimals:
        raise MoneyError(_decimals_sentence(unit))
    return Money(int(Decimal(plain).scaleb(unit.decimals)), currency)


def _decimals_sentence(unit: Currency) -> str:
    if unit.decimals == 0:
        return _("%(currency)s has no decimals. Write a whole number, like 1500.") % {
            "currency": unit.code
        }
    return _("%(currency)s has at most %(decimals)d decimals. Write it like 1500 or 12.50.") % {
        "currency": unit.code,
        "decimals": unit.decimals,
    }
