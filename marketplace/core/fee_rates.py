"""What the operator has set about fees: read from the environment, exact, checked at the start."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

__all__ = ["FeeRates", "amounts_of", "fee_rates"]

# Beside the percentage, per payment: what Stripe publishes for accounts in the United States and
# in the euro zone, and about the same in dinars. Stripe takes none for won and yen. The platform
# takes as much of each sale where nothing else is set, so that a small price pays for itself.
_STRIPE_FIXED = "USD=0.30 EUR=0.25 KWD=0.100"
_DECIMALS = {"KRW": 0, "JPY": 0, "USD": 2, "EUR": 2, "KWD": 3}


@dataclass(frozen=True, kw_only=True, slots=True)
class FeeRates:
    """Percentages in basis points (1/100 of a percent), amounts in minor units by currency.

    `percent` and `fixed` are the platform's fee, the `stripe_` ones what taking a payment costs
    about, `tax` the tax that prices include, where the shop owes it. `pool` is set aside of a sale
    for its delivery, unless its seller says otherwise, from `pool_least` to `pool_most`.
    """

    percent: int
    fixed: Mapping[str, int] = field(default_factory=dict)
    stripe_percent: int
    stripe_fixed: Mapping[str, int] = field(default_factory=dict)
    tax: int = 0
    pool: int = 0
    pool_least: int = 0
    pool_most: int = 10_000


def fee_rates(environment: Mapping[str, str]) -> FeeRates:
    """The rates that GEOBUK_FEE_PERCENT and its neighbours name.

    Percentages are written "10" or "2.9", amounts "USD=0.30 KRW=400". Raises ValueError with a
    sentence that names the variable.
    """
    pool = _basis_points(environment, "GEOBUK_POOL_PERCENT", "3")
    least = _basis_points(environment, "GEOBUK_POOL_LEAST_PERCENT", str(min(1, pool // 100)))
    most = _basis_points(environment, "GEOBUK_POOL_MOST_PERCENT", str(max(20, -(-pool // 100))))
    if not least <= pool <= most:
        raise ValueError(
            "set GEOBUK_POOL_PERCENT from GEOBUK_POOL_LEAST_PERCENT to GEOBUK_POOL_MOST_PERCENT"
        )
    stripe_fixed = amounts_of(environment, "GEOBUK_STRIPE_FEE_FIXED", _STRIPE_FIXED)
    return FeeRates(
        percent=_basis_points(environment, "GEOBUK_FEE_PERCENT", "10"),
        fixed=(
            amounts_of(environment, "GEOBUK_FEE_FIXED", "")
            if "GEOBUK_FEE_FIXED" in environment
            else stripe_fixed
        ),
        stripe_percent=_basis_points(environment, "GEOBUK_STRIPE_FEE_PERCENT", "2.9"),
        stripe_fixed=stripe_fixed,
        tax=_basis_points(environment, "GEOBUK_TAX_PERCENT", "0"),
        pool=pool,
        pool_least=least,
        pool_most=most,
    )


def _basis_points(environment: Mapping[str, str], name: str, default: str) -> int:
    text = environment.get(name, default)
    points = _exact(text, 2)
    if points is None or points > 10_000:
        raise ValueError(f"set {name} to a percentage from 0 to 100 with two decimals at most")
    return points


def amounts_of(environment: Mapping[str, str], name: str, default: str) -> dict[str, int]:
    """Amounts in minor units by currency, as the variable `name` says them: "USD=0.30 KRW=400".

    Raises ValueError with a sentence that names the variable.
    """
    amounts = {}
    for part in environment.get(name, default).replace(",", " ").split():
        currency, _equals, text = part.partition("=")
        minor = _exact(text, _DECIMALS[currency]) if currency in _DECIMALS else None
        if minor is None:
            raise ValueError(f"set {name} to amounts by currency, like USD=0.30 KRW=400")
        amounts[currency] = minor
    return amounts


def _exact(text: str, decimals: int) -> int | None:
    """The number in units of its last decimal; None where it is none, negative or finer."""
    try:
        number = Decimal(text).scaleb(decimals)
    except InvalidOperation:
        return None
    if not number.is_finite() or number < 0 or number != number.to_integral_value():
        return None
    return int(number)
