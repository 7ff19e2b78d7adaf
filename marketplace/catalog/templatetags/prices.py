"""How a listing's price is shown: one tag for cards, pages and the studio."""

from __future__ import annotations

from typing import Any

from django import template
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.catalog.pricing import current_sale
from marketplace.core.money import Money

__all__ = ["asks_for", "price_tag"]

register = template.Library()


@register.inclusion_tag("catalog/_price.html")
def price_tag(listing: Listing, *, large: bool = False) -> dict[str, Any]:
    """What `listing` costs now: on sale with the regular price struck through, from a least
    price on, for each interval, or free. `large` also says when a sale ends."""
    sale = current_sale(listing, timezone.now())
    return {
        "listing": listing,
        "price": listing.price if sale is None else sale.price,
        "regular": listing.price if sale else None,
        "sale": sale,
        "large": large,
    }


@register.filter
def asks_for(listing: Listing) -> Money:
    """The amount that a buyer of `listing` is asked for now, or the least of it."""
    sale = current_sale(listing, timezone.now())
    return listing.price if sale is None else sale.price
