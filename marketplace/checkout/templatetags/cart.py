"""What pages of other apps show of the cart."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from marketplace.catalog.types import Listing
from marketplace.checkout import services

__all__ = ["add_to_cart"]

register = template.Library()


@register.inclusion_tag("checkout/_add_to_cart.html", takes_context=True)
def add_to_cart(context: dict[str, Any], listing: Listing) -> dict[str, Any]:
    """The button beside “Buy”: it carries the terms that its page shows."""
    on_sale = listing.status == Listing.Status.ON_SALE
    return {
        "csrf_token": context.get("csrf_token"),
        "listing": listing,
        "seen": services.terms_now(listing, now=timezone.now()).token if on_sale else "",
    }
