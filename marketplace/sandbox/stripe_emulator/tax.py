"""Tax fields: what is included in an amount by the buyer's country, and numbers of businesses.

The rates are the standard ones for digital goods of a few countries, for the shop to show;
they are no tax advice, and Stripe's own follow the place more closely.
"""

from __future__ import annotations

import re
from typing import Any

from marketplace.sandbox.stripe_emulator.errors import ApiError

__all__ = [
    "COUNTRIES",
    "TaxFieldError",
    "billing_of",
    "check_behavior",
    "included",
    "wants_billing",
]

# Country to (basis points, type of its business number, its form).
_VAT = r"[A-Z]{2}[0-9A-Z+*]{8,12}"
COUNTRIES: dict[str, tuple[int, str, str]] = {
    "US": (0, "us_ein", r"\d{2}-\d{7}"),
    "KR": (1_000, "kr_brn", r"\d{3}-\d{2}-\d{5}"),
    "JP": (1_000, "jp_trn", r"T\d{13}"),
    "DE": (1_900, "eu_vat", _VAT),
    "FR": (2_000, "eu_vat", _VAT),
    "IE": (2_300, "eu_vat", _VAT),
    "GB": (2_000, "gb_vat", r"GB\d{9}(?:\d{3})?"),
}


class TaxFieldError(Exception):
    """What was typed cannot be right; the sentence says which field."""


def included(amount: int, country: str | None) -> int:
    """The tax within `amount` minor units, rounded half up; 0 where no country is known."""
    rate = COUNTRIES[country][0] if country in COUNTRIES else 0
    net_times_two = 2 * amount * 10_000
    divisor = 10_000 + rate
    return amount - (net_times_two + divisor) // (2 * divisor)


def check_behavior(price: dict[str, Any], *, param: str) -> str:
    """The price's tax behaviour; what would add tax on top is refused aloud."""
    behavior: str = price.get("tax_behavior", "unspecified")
    if behavior == "exclusive":
        raise ApiError("The emulator has tax_behavior=inclusive alone.", param=param)
    return behavior


def wants_billing(session: dict[str, Any]) -> bool:
    """Whether the hosted page has to ask where the buyer is."""
    collects: dict[str, Any] = session.get("tax_id_collection") or {}
    return bool(session["automatic_tax"]["enabled"] or collects.get("enabled"))


def billing_of(session: dict[str, Any], form: dict[str, str]) -> dict[str, Any]:
    """Country and business number as typed: {"country", "tax_ids"}. Raises TaxFieldError."""
    if not wants_billing(session):
        return {}
    country = form.get("country", "").strip().upper()
    if country not in COUNTRIES:
        raise TaxFieldError("Choose the country of your billing address.")
    number = form.get("tax_id", "").strip()
    _rate, kind, shape = COUNTRIES[country]
    if number and not re.fullmatch(shape, number):
        raise TaxFieldError("The business tax number does not look like one of that country.")
    return {"country": country, "tax_ids": [{"type": kind, "value": number}] if number else []}
