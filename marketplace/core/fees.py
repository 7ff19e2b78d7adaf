"""What becomes of a price: the platform's fee, the tax in it, and what is left for the seller.

All of it is reckoned in whole minor units, halves upwards, from the rates that the operator has
set (core/fee_rates.py). Taking the payment costs the platform a fee of Stripe's; the platform
pays it out of its own, so it only matters where it would eat up the whole price.
"""

from __future__ import annotations

from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.core.errors import InvalidError
from marketplace.core.fee_rates import FeeRates
from marketplace.core.money import CURRENCIES, MAX_CHARGE, Money

__all__ = [
    "PoolError",
    "PriceError",
    "as_percent",
    "check_pool",
    "check_price",
    "delivery_pool",
    "estimated_stripe_fee",
    "least_price",
    "left_for_seller",
    "platform_fee",
    "tax_included",
]

_WHOLE = 10_000  # basis points


class PriceError(InvalidError):
    """No price: between free and the least that a card can be charged, too much, or eaten up."""

    code = "invalid_price"


class PoolError(InvalidError):
    """More or less set aside for delivery than the operator allows."""

    code = "invalid_pool"


def platform_fee(price: Money) -> Money:
    """What the platform keeps of a sale at `price`; nothing of what is free, and never more
    than the price."""
    rates = _rates()
    return _part(price, rates.percent, rates.fixed.get(price.currency, 0))


def delivery_pool(cash: Money, *, fee: Money, bps: int | None) -> Money:
    """What of a sale is set aside to pay for its delivery, rounded down: a part of its `cash`.

    `bps` are the seller's basis points, None for the operator's. What fee and tax leave is
    never used up by it; and of what shop credit pays, nothing is set aside.
    """
    wanted = cash.minor * (_rates().pool if bps is None else bps) // _WHOLE
    left = cash.minor - fee.minor - tax_included(cash, _rates().tax).minor
    step = cash.unit.step
    return Money(max(0, min(wanted, left - step)) // step * step, cash.currency)


def check_pool(bps: int) -> None:
    """Raise PoolError unless a seller may set so much of a price aside for delivery."""
    rates = _rates()
    if not rates.pool_least <= bps <= rates.pool_most:
        raise PoolError(
            _("Choose from %(least)s to %(most)s percent.")
            % {"least": as_percent(rates.pool_least), "most": as_percent(rates.pool_most)}
        )


def as_percent(bps: int) -> str:
    """Basis points as a person writes them: 250 is “2.5”."""
    whole, rest = divmod(bps, 100)
    return f"{whole}.{rest:02}".rstrip("0") if rest else str(whole)


def estimated_stripe_fee(price: Money) -> Money:
    """About what Stripe takes for a payment of `price`; the true fee is known after it."""
    rates = _rates()
    return _part(price, rates.stripe_percent, rates.stripe_fixed.get(price.currency, 0))


def tax_included(price: Money, bps: int) -> Money:
    """The tax within `price`, at `bps` basis points on the price before tax (1000 is 10 %)."""
    return Money(_rounded(price.minor * bps, _WHOLE + bps), price.currency)


def left_for_seller(price: Money) -> Money:
    """What a sale at `price` brings its seller, after the platform's fee and the tax in it.

    Below 0 where they are more than the price; `check_price` refuses such a price.
    """
    tax = tax_included(price, _rates().tax)
    return Money(price.minor - platform_fee(price).minor - tax.minor, price.currency)


def check_price(price: Money) -> None:
    """Raise PriceError unless `price` is free or can be charged and leaves its seller something."""
    _check_bounds(price)
    _check_step(price)
    if price.minor and not _leaves_something(price):
        raise _eaten_up(price)


def least_price(currency: str) -> Money | None:
    """The least price above free that `check_price` takes; None where fees eat up every one."""
    unit = CURRENCIES[currency]
    low, high = -(-unit.minimum // unit.step), MAX_CHARGE // unit.step
    if not _leaves_something(Money(high * unit.step, currency)):
        return None
    while low < high:
        middle = (low + high) // 2
        if _leaves_something(Money(middle * unit.step, currency)):
            high = middle
        else:
            low = middle + 1
    return Money(low * unit.step, currency)


def _check_bounds(price: Money) -> None:
    if price.minor < 0:
        raise PriceError(_("A price cannot be negative. Write 0 to give it away."))
    if 0 < price.minor < price.unit.minimum:
        raise PriceError(
            _(
                "Cards cannot be charged less than %(least)s. Ask at least that, or write 0 to give it away."
            )
            % {"least": Money(price.unit.minimum, price.currency).localised()}
        )
    if price.minor > MAX_CHARGE:
        raise PriceError(
            _("Cards cannot be charged more than %(most)s at once.")
            % {"most": Money(MAX_CHARGE, price.currency).localised()}
        )


def _check_step(price: Money) -> None:
    step = price.unit.step
    if price.minor % step == 0:
        return
    below = Money(price.minor - price.minor % step, price.currency)
    raise PriceError(
        _("Cards are charged in steps of %(step)s. Write %(below)s or %(above)s.")
        % {
            "step": Money(step, price.currency).localised(),
            "below": below.localised(),
            "above": Money(below.minor + step, price.currency).localised(),
        }
    )


def _leaves_something(price: Money) -> bool:
    fee, tax = _fee_and_tax(price)
    return fee.minor + tax.minor < price.minor


def _fee_and_tax(price: Money) -> tuple[Money, Money]:
    """The larger of both fees: where the payment costs more than all, nobody earns by it."""
    fee = max(platform_fee(price), estimated_stripe_fee(price), key=lambda money: money.minor)
    return fee, tax_included(price, _rates().tax)


def _eaten_up(price: Money) -> PriceError:
    fee, tax = _fee_and_tax(price)
    least = least_price(price.currency)
    shown = {"price": price.localised(), "fee": fee.localised(), "tax": tax.localised()}
    if least is None:
        return PriceError(
            _(
                "Of %(price)s nothing is left: fees take %(fee)s and tax %(tax)s."
                " In this currency the shop can only give things away."
            )
            % shown
        )
    return PriceError(
        _(
            "Of %(price)s nothing is left: fees take %(fee)s and tax %(tax)s."
            " Ask at least %(least)s, or write 0 to give it away."
        )
        % {**shown, "least": least.localised()}
    )


def _part(price: Money, bps: int, fixed: int) -> Money:
    if price.minor <= 0:
        return Money(0, price.currency)
    step = price.unit.step
    fee = _rounded(price.minor * bps + fixed * _WHOLE, _WHOLE * step) * step
    return Money(min(fee, price.minor), price.currency)


def _rounded(part: int, whole: int) -> int:
    """part / whole as a whole number, halves upwards."""
    return (2 * part + whole) // (2 * whole)


def _rates() -> FeeRates:
    rates: FeeRates = settings.FEES
    return rates
