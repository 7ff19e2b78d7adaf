"""How many decimals a currency has, and the least that can be charged in it."""

from __future__ import annotations

from marketplace.sandbox.stripe_emulator.errors import ApiError

__all__ = ["MAXIMUM", "check_amount", "check_currency", "decimals", "format_amount"]

_ZERO_DECIMAL = {
    "bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv",
    "xaf", "xof", "xpf",
}  # fmt: skip
_THREE_DECIMAL = {"bhd", "jod", "kwd", "omr", "tnd"}
# In minor units. Stripe publishes a minimum for some currencies only.
_MINIMUM = {
    "aed": 200, "aud": 50, "brl": 50, "cad": 50, "chf": 50, "czk": 1500, "dkk": 250, "eur": 50,
    "gbp": 30, "hkd": 400, "huf": 17500, "inr": 50, "jpy": 50, "krw": 100, "kwd": 150, "bhd": 190,
    "jod": 360, "omr": 195, "tnd": 1600, "mxn": 1000, "myr": 200, "nok": 300, "nzd": 50,
    "pln": 200, "ron": 200, "sek": 300, "sgd": 50, "thb": 1000, "usd": 50, "vnd": 12000, "clp": 500,
}  # fmt: skip
MAXIMUM = 99_999_999


def check_currency(currency: str, *, param: str) -> str:
    """Return the currency in lower case, or say that it is none."""
    code = currency.lower()
    if code not in _MINIMUM:
        known = ", ".join(sorted(_MINIMUM))
        raise ApiError(
            f"Invalid currency: {code}. Stripe currently supports these currencies: {known}",
            param=param,
        )
    return code


def check_amount(amount: int, currency: str) -> None:
    """Refuse a total below the currency's minimum or above eight digits."""
    if amount < _MINIMUM[currency]:
        least = format_amount(_MINIMUM[currency], currency)
        raise ApiError(
            f"The Checkout Session's total amount due must add up to at least {least}",
            code="amount_too_small",
        )
    if amount > MAXIMUM:
        most = format_amount(MAXIMUM, currency)
        raise ApiError(
            f"The Checkout Session's total amount must be no more than {most}",
            code="amount_too_large",
        )
    if currency in _THREE_DECIMAL and amount % 10:
        raise ApiError(
            f"Amounts in {currency} must be evenly divisible by 10.",
            code="invalid_charge_amount",
        )


def decimals(currency: str) -> int:
    if currency in _ZERO_DECIMAL:
        return 0
    return 3 if currency in _THREE_DECIMAL else 2


def format_amount(amount: int, currency: str) -> str:
    """ "12.50 USD", "15,000 KRW": exact, without floats."""
    places = decimals(currency)
    whole, rest = divmod(abs(amount), 10**places)
    sign = "-" if amount < 0 else ""
    digits = f"{whole:,}.{rest:0{places}d}" if places else f"{whole:,}"
    return f"{sign}{digits} {currency.upper()}"
