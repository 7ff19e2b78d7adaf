"""Money: a whole number of minor units and a currency, everywhere.

Won and yen have no minor unit, most currencies have two decimals, dinars three
(ISO 4217). Nothing here is ever a float. How people write amounts, and read them, depends on
the language of their page: 1,234.50 in English and Korean is 1.234,50 in German and 1 234,50
in French.

An amount is read twice, with a point and with a comma as its decimal mark. Where both readings
give the same, or one of them is no number at all, the habit of the page does not matter. Where
they differ ("1.500" is one and a half, or fifteen hundred), the page's own reading is taken if
the other one is impossible in the currency, or if it is how the page itself prints the amount;
else the amount is refused, with a sentence that shows both.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from marketplace.core.errors import InvalidError

__all__ = [
    "CURRENCIES",
    "MAX_CHARGE",
    "Currency",
    "Habit",
    "Money",
    "MoneyError",
    "habit_of",
    "parse_money",
]

MAX_CHARGE = 99_999_999  # minor units: Stripe charges at most eight digits
_NARROW_SPACE = "\u202f"  # between thousands, so that a number never breaks
_SPACE = "\u00a0"
_MINUS = ("-", "−", "–")
_MAX_DIGITS = 12  # before the decimal mark
# Full-width forms of the signs on a keyboard, which Korean and Japanese input methods give.
# Not NFKC: that would read "5²" as fifty-two.
_FULL_WIDTH = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)} | {
    ord("￦"): "₩",
    ord("￥"): "¥",
    ord("’"): "'",
}


class MoneyError(InvalidError):
    """Text that is no amount in this currency."""

    code = "invalid_amount"


@dataclass(frozen=True, slots=True)
class Currency:
    """An ISO 4217 currency and the least that a card can be charged in it.

    `minimum` and `step` are minor units: Stripe charges `minimum` at least, and multiples of
    `step` only (docs.stripe.com/currencies: three-decimal amounts end in 0). `names` are what
    people write beside an amount, in lower case.
    """

    code: str
    decimals: int
    symbol: str
    minimum: int
    step: int = 1
    names: tuple[str, ...] = ()


CURRENCIES: dict[str, Currency] = {
    c.code: c
    for c in [
        Currency("KRW", 0, "₩", 100, names=("₩", "원", "krw", "won")),
        Currency("USD", 2, "$", 50, names=("$", "us$", "usd", "달러")),
        Currency("EUR", 2, "€", 50, names=("€", "eur", "euro", "유로")),
        Currency("JPY", 0, "¥", 50, names=("¥", "jpy", "yen", "円", "엔")),
        # Stripe publishes no minimum for dinars: this is what half a dollar comes to.
        Currency("KWD", 3, "KWD", 150, step=10, names=("kwd", "kd", "د.ك", "디나르")),
    ]
}


@dataclass(frozen=True, slots=True)
class Habit:
    """How a language writes amounts: its decimal mark, what stands between thousands, and
    whether the currency's sign comes first."""

    decimal: str
    group: str
    sign_first: bool


_HABITS = {
    "en": Habit(".", ",", True),
    "ko": Habit(".", ",", True),
    "ja": Habit(".", ",", True),
    "de": Habit(",", ".", False),
    "de-ch": Habit(".", "’", True),
    "fr": Habit(",", _NARROW_SPACE, False),
}


def habit_of(language: str | None = None) -> Habit:
    """The habit of a language ("de", "de-at"); of the page's where none is named."""
    code = (language or get_language() or "en").lower()
    return _HABITS.get(code) or _HABITS.get(code.partition("-")[0]) or _HABITS["en"]


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
    def unit(self) -> Currency:
        return CURRENCIES[self.currency]

    @property
    def decimal(self) -> Decimal:
        """The amount in major units, exact."""
        return Decimal(self.minor).scaleb(-self.unit.decimals)

    @property
    def plain(self) -> str:
        """The amount for machines and files, the same in every language: "1500", "12.50"."""
        return f"{self.decimal:.{self.unit.decimals}f}"

    def typed(self, language: str | None = None) -> str:
        """The amount as a person types it on a page in `language` (the present one): "12,50".

        parse_money reads it back in the same language, whatever the amount.
        """
        return _typed(self, habit_of(language))

    def localised(self, language: str | None = None) -> str:
        """The amount as a person reads it in `language` (the page's): "$12.50", "12,50 $"."""
        return _written(self, habit_of(language))

    def __str__(self) -> str:
        return _written(self, _HABITS["en"])


@dataclass(frozen=True, slots=True)
class _Reading:
    """Digits before and after the decimal mark."""

    whole: str
    part: str

    def fits(self, unit: Currency) -> bool:
        return len(self.part) <= unit.decimals

    def value(self) -> Decimal:
        return Decimal(f"{self.whole}.{self.part}0")

    def money(self, unit: Currency) -> Money:
        return Money(int(self.whole + self.part.ljust(unit.decimals, "0")), unit.code)


def parse_money(text: str, currency: str, *, language: str | None = None) -> Money:
    """Read what a person typed on a page in `language` (the present one where none is named).

    "1,500", "₩1500", "1500원", "１２００", "1.234,56", "1 234,56", "1'234.50". What can be read
    in one way only is taken in any language. Raises MoneyError with a sentence where it is no
    number, is negative, is beyond twelve digits, has more decimals than the currency or
    another currency's sign, and where it can be read in two ways.
    """
    habit = habit_of(language)
    unit = CURRENCIES.get(currency)
    if unit is None:
        raise MoneyError(_("%(currency)s is not a currency of this shop.") % {"currency": currency})
    shown = text.strip()[:40]
    if not shown:
        raise MoneyError(
            _("Write an amount, like %(example)s.") % {"example": _example(unit, habit)}
        )
    digits = _without_signs(_folded(text), unit, shown)
    own = _read(digits, habit.decimal)
    other = _read(digits, "," if habit.decimal == "." else ".")
    if own is None and other is None:
        raise MoneyError(
            _("“%(text)s” is not an amount. Write it like %(example)s.")
            % {"text": shown, "example": _example(unit, habit)}
        )
    if own is not None and other is not None and own.value() != other.value():
        return _chosen(shown, own, other, unit=unit, habit=habit)
    reading = own or other
    assert reading is not None, "one of them was read"
    if not reading.fits(unit):
        raise MoneyError(_decimals_sentence(unit, habit))
    return reading.money(unit)


def _folded(text: str) -> str:
    """Full-width signs made plain, every kind of space the same, marks of direction left out."""
    plain = "".join(" " if c.isspace() else c for c in text.translate(_FULL_WIDTH))
    return "".join(c for c in plain if unicodedata.category(c) != "Cf").casefold().strip()


def _without_signs(text: str, unit: Currency, shown: str) -> str:
    """The number alone, without the sign or name of its currency before and behind it."""
    for other in CURRENCIES.values():
        rest = _cut(text, other)
        if rest != text and other.code != unit.code:
            raise MoneyError(
                _(
                    "“%(text)s” is an amount in %(other)s, and this one is in %(currency)s."
                    " Write the number alone."
                )
                % {"text": shown, "other": other.code, "currency": unit.code}
            )
    rest = _cut(text, unit)
    if rest.startswith(_MINUS) or text.startswith(_MINUS):
        raise MoneyError(_("An amount cannot be negative. Write it without the minus sign."))
    return rest


def _cut(text: str, unit: Currency) -> str:
    names = sorted(unit.names, key=len, reverse=True)
    before = next((name for name in names if text.startswith(name)), "")
    text = text.removeprefix(before).strip()
    behind = next((name for name in names if text.endswith(name)), "")
    return text.removesuffix(behind).strip()


def _read(text: str, decimal: str) -> _Reading | None:
    """`text` with this decimal mark; None where it is no number then."""
    whole, _mark, part = text.partition(decimal)
    if not re.fullmatch(r"[0-9]*", part):
        return None
    if re.fullmatch(r"[1-9][0-9]{0,2}([ .,'])[0-9]{3}(\1[0-9]{3})*", whole):
        whole = re.sub(r"[^0-9]", "", whole)
    if not re.fullmatch(rf"[0-9]{{1,{_MAX_DIGITS}}}", whole):
        return None
    return _Reading(whole, part)


def _chosen(shown: str, own: _Reading, other: _Reading, *, unit: Currency, habit: Habit) -> Money:
    """The page's own reading of two, or a refusal: one is a decimal, the other has thousands."""
    # The French put spaces between thousands: a point there may be the key of the number pad.
    habitual = bool(own.part) or (habit.group in ".," and not other.fits(unit))
    if own.fits(unit) and habitual:
        return own.money(unit)
    one, two = (_shown(reading, unit, habit) for reading in (own, other))
    grouped = own if not own.part else other
    raise MoneyError(
        _("“%(text)s” could be %(one)s or %(two)s. For the larger one write %(plain)s.")
        % {"text": shown, "one": one, "two": two, "plain": _typed(grouped.money(unit), habit)}
    )


def _shown(reading: _Reading, unit: Currency, habit: Habit) -> str:
    """A reading in words, also one that the currency has no coin for."""
    if reading.fits(unit):
        return _written(reading.money(unit), habit)
    return f"{reading.whole}{habit.decimal}{reading.part} {unit.code}"


def _example(unit: Currency, habit: Habit) -> str:
    # "1500", "12.50", "12.500"
    minor = {0: 1_500, 2: 1_250}.get(unit.decimals, 12_500)
    return _typed(Money(minor, unit.code), habit)


def _decimals_sentence(unit: Currency, habit: Habit) -> str:
    if unit.decimals == 0:
        return _("%(currency)s has no decimals. Write a whole number, like 1500.") % {
            "currency": unit.code
        }
    return _("%(currency)s has at most %(decimals)d decimals. Write it like %(example)s.") % {
        "currency": unit.code,
        "decimals": unit.decimals,
        "example": _example(unit, habit),
    }


def _typed(money: Money, habit: Habit) -> str:
    return money.plain.replace(".", habit.decimal)


def _written(money: Money, habit: Habit) -> str:
    unit, sign = money.unit, "−" if money.minor < 0 else ""
    digits = f"{abs(money.decimal):,.{unit.decimals}f}"
    digits = digits.translate({ord(","): habit.group, ord("."): habit.decimal})
    if not habit.sign_first:
        return f"{sign}{digits}{_SPACE}{unit.symbol}"
    between = _SPACE if unit.symbol.isalpha() else ""
    return f"{sign}{unit.symbol}{between}{digits}"
