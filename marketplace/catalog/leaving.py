"""What becomes of the listings of a seller who leaves the shop."""

from __future__ import annotations

from django.db import transaction

from marketplace.accounts.types import User
from marketplace.catalog.models import Listing

__all__ = ["close_listings"]

_Status = Listing.Status


@transaction.atomic
def close_listings(*, seller: User) -> int:
    """Take everything of `seller` off sale, also what is being prepared. Returns how much.

    Who has bought it keeps it. The seller's name goes from the words that a search finds.
    """
    closed = 0
    for listing in Listing.objects.select_for_update().filter(seller=seller).order_by("pk"):
        if listing.status in (_Status.ON_SALE, _Status.PREPARING):
            listing.status = _Status.WITHDRAWN
            closed += 1
        listing.search_text = ""
        listing.save(update_fields=["status", "search_text"])
    return closed
