"""The tax fields of a hosted page: what Stripe is asked to reckon, and what the buyer told there."""

from __future__ import annotations

from typing import Any

from django.conf import settings

__all__ = ["INCLUSIVE", "buyer_of", "tax_params"]

INCLUSIVE = "inclusive"  # a price is what the buyer pays; the tax is part of it


def tax_params() -> dict[str, Any]:
    """Parameters of a Checkout Session: the tax by the buyer's country, and their VAT number.

    Nothing where the operator has not set up Stripe Tax.
    """
    if not settings.STRIPE_TAX:
        return {}
    return {
        "automatic_tax": {"enabled": True},
        "tax_id_collection": {"enabled": True},
        "billing_address_collection": "required",
    }


def buyer_of(details: Any) -> tuple[str, str]:
    """Country and business number in a session's customer_details, "" for what is not told."""
    if details is None:
        return "", ""
    address = details.address
    numbers = [tax.value for tax in details.tax_ids or [] if tax.value]
    return (address.country if address else "") or "", numbers[0] if numbers else ""
