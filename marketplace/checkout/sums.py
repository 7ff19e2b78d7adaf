"""The sum on a page before paying: what it costs now, with a code and with the buyer's credit."""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from django.core.cache import cache
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog.types import Listing
from marketplace.checkout import crediting
from marketplace.checkout.discounting import begun_bills
from marketplace.checkout.errors import TooManyCodesError
from marketplace.checkout.quoting import quote
from marketplace.checkout.types import Quote, Wish
from marketplace.core.money import Money
from marketplace.core.text import clean_line
from marketplace.discounts.errors import CodeNotUsableError, CodeUnknownError

__all__ = ["Extras", "Sum", "check_tries", "extras_of", "sum_up"]

CODE_LENGTH = 64
MOST_TRIES, TRIES_FORGOTTEN = 20, 600  # seconds


@dataclass(frozen=True, slots=True)
class Extras:
    """What a form of the checkout says besides the things to buy."""

    code: str = ""
    use_credit: bool = False

    @property
    def query(self) -> str:
        """The same for an address: "?code=…&credit=1", or "" where nothing is said."""
        return self.query_with()

    def query_with(self, **said: str) -> str:
        """The same, with what else the page has to know."""
        said |= {"code": self.code} if self.code else {}
        said |= {"credit": "1"} if self.use_credit else {}
        return f"?{urlencode(said)}" if said else ""


@dataclass(frozen=True, slots=True)
class Sum:
    """A quote, and what the page shows around it.

    `code_error`: why the code that was typed takes off nothing, a sentence. `credit`: what the
    buyer has to spend. `takes_code`: whether a code could take off anything.
    """

    quote: Quote
    extras: Extras
    code_error: str
    credit: Money
    takes_code: bool

    @property
    def before(self) -> Money:
        """What it costs before code and credit."""
        return Money(self.quote.total.minor + self.quote.discount.minor, self.quote.currency)


def extras_of(data: Mapping[str, str]) -> Extras:
    """The code and the tick of a form, or of an address."""
    return Extras(clean_line(data.get("code", ""))[:CODE_LENGTH], data.get("credit") == "1")


def check_tries(buyer: User) -> None:
    """Whoever has typed many codes that nobody made waits: raises TooManyCodesError."""
    if cache.get(_tries(buyer), 0) >= MOST_TRIES:
        raise TooManyCodesError(_("You have tried many codes. Go on in ten minutes."))


def sum_up(*, buyer: User, wishes: Sequence[Wish], extras: Extras, now: dt.datetime) -> Sum:
    """What `wishes` cost with these extras. A code that cannot be used is left out, and the
    sum says why. Raises what `quote` raises, but for codes."""
    error = ""
    try:
        if extras.code:
            check_tries(buyer)
        asked = _quote(buyer, wishes, extras, extras.code, now=now)
    except (CodeNotUsableError, TooManyCodesError) as refused:
        if isinstance(refused, CodeUnknownError):
            _count_try(buyer)
        error = str(refused)
        asked = _quote(buyer, wishes, extras, "", now=now)
    begun = begun_bills(asked.lines, buyer)
    return Sum(
        quote=asked,
        extras=extras,
        code_error=error,
        credit=crediting.available(buyer, asked.currency, besides=begun),
        takes_code=any(
            line.listing.pricing == Listing.Pricing.FIXED and line.terms.price.minor
            for line in asked.lines
        ),
    )


def _quote(
    buyer: User, wishes: Sequence[Wish], extras: Extras, code: str, *, now: dt.datetime
) -> Quote:
    return quote(buyer=buyer, wishes=wishes, code=code, use_credit=extras.use_credit, now=now)


def _tries(buyer: User) -> str:
    return f"codes-tried:{buyer.pk}"


def _count_try(buyer: User) -> None:
    if not cache.add(_tries(buyer), 1, TRIES_FORGOTTEN):
        with contextlib.suppress(ValueError):  # it was forgotten in this moment
            cache.incr(_tries(buyer))
