"""Reading codes and their uses."""

from __future__ import annotations

import uuid

from babel.core import get_global
from django.db.models import Count, Q, QuerySet

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.discounts.models import Code, Redemption

__all__ = ["codes_of", "redemption_of", "zone_for"]


def codes_of(seller: User) -> QuerySet[Code]:
    """The codes of `seller`, the newest first, each with `used` and `open_uses`: how many bills
    were paid with it, and how many are open."""
    return (
        Code.objects.filter(seller_id=seller.pk)
        .annotate(
            used=Count("redemptions", filter=Q(redemptions__state="used")),
            open_uses=Count("redemptions", filter=Q(redemptions__state="reserved")),
        )
        .prefetch_related("listings")
    )


def redemption_of(bill_id: uuid.UUID) -> Redemption | None:
    """What became of the code of a bill; None where it has none."""
    return Redemption.objects.select_related("code").filter(bill_id=bill_id).first()


def zone_for(seller: User) -> str:
    """The time zone to begin with in a form: that of the seller's last code, else of their
    country where it has one zone only, else UTC."""
    last = Code.objects.filter(seller_id=seller.pk).values_list("zone", flat=True).first()
    if last is not None:
        return last
    shop = accounts.seller_of(seller)
    countries = get_global("zone_territories")
    zones = [zone for zone, country in countries.items() if shop and country == shop.country]
    return zones[0] if len(zones) == 1 else "UTC"
