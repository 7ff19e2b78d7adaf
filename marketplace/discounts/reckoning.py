"""What a code takes off, line by line: arithmetic alone, in minor units.

A percentage is taken off each line and rounded half up, so a cart costs what its items
would cost one by one. An amount is taken off once and shared among the lines it is for by
their prices, with largest remainders, so the shares sum to it exactly. All of it is in
steps that a card can be charged: ten fils in dinars, one minor unit elsewhere.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence

from django.utils.translation import gettext as _

from marketplace.core.money import CURRENCIES, Money
from marketplace.core.shares import spread
from marketplace.discounts.errors import CodeMinimumError, CodeNotForTheseError
from marketplace.discounts.models import Code
from marketplace.discounts.types import Discount, DiscountLine

__all__ = ["reckon"]


def reckon(
    code: Code, lines: Sequence[DiscountLine], chosen: Collection[uuid.UUID] = ()
) -> Discount:
    """What `code` takes off these lines of one bill, which are all in one currency.

    `chosen` are the listings of a code that is not for everything. What is left of the bill
    is nothing or at least what a card can be charged; where it would be less, less is taken
    off. Raises CodeNotForTheseError, CodeMinimumError.
    """
    if not lines:
        raise CodeNotForTheseError(_not_for_these(code))
    currency = lines[0].price.currency
    priced = [line.price.minor if _is_for(code, line, chosen) else 0 for line in lines]
    if not any(priced):
        raise CodeNotForTheseError(_not_for_these(code))
    if sum(priced) < code.minimum_minor:
        raise CodeMinimumError(
            _("The code “%(code)s” is for %(least)s or more; what it is for costs %(sum)s here.")
            % {
                "code": code.shown,
                "least": code.minimum.localised() if code.minimum else "",
                "sum": Money(sum(priced), currency).localised(),
            }
        )
    off = _off(code, priced, CURRENCIES[currency].step)
    left = sum(line.price.minor for line in lines) - sum(off)
    short = CURRENCIES[currency].minimum - left if left else 0
    capped = short > 0
    if capped:
        off = _spread(max(0, sum(off) - short), off, CURRENCIES[currency].step)
    if not any(off):
        raise CodeMinimumError(
            _("The code “%(code)s” takes off nothing here: a card cannot be charged less.")
            % {"code": code.shown}
        )
    return Discount(
        code_id=code.pk,
        shown=code.shown,
        lines=tuple(Money(minor, currency) for minor in off),
        total=Money(sum(off), currency),
        capped=capped,
    )


def _is_for(code: Code, line: DiscountLine, chosen: Collection[uuid.UUID]) -> bool:
    return (
        line.plain
        and line.seller_id == code.seller_id
        and code.currency in ("", line.price.currency)
        and (code.everything or line.listing_id in chosen)
    )


def _off(code: Code, priced: Sequence[int], step: int) -> tuple[int, ...]:
    if code.percent is not None:
        return tuple(
            min(price, (price * code.percent + 50 * step) // (100 * step) * step)
            for price in priced
        )
    assert code.amount_minor is not None, "the table holds a code to one of the two"
    return _spread(min(code.amount_minor, sum(priced)), priced, step)


def _spread(total: int, weights: Sequence[int], step: int) -> tuple[int, ...]:
    steps = spread(total // step, [weight // step for weight in weights])
    return tuple(share * step for share in steps)


def _not_for_these(code: Code) -> str:
    return _("The code “%(code)s” is not for what you are buying.") % {"code": code.shown}
