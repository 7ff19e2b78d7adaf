"""The rows of listings, locked until the running transaction ends."""

from __future__ import annotations

import uuid

from marketplace.accounts.types import User
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.models import Listing

__all__ = ["lock", "lock_own"]


def lock(listing_id: uuid.UUID) -> Listing:
    """A listing, whoever owns it. Raises ListingNotFoundError."""
    try:
        return Listing.objects.select_for_update().get(pk=listing_id)
    except Listing.DoesNotExist:
        raise ListingNotFoundError(str(listing_id)) from None


def lock_own(listing_id: uuid.UUID, *, seller: User) -> Listing:
    """A listing of `seller`. Raises ListingNotFoundError."""
    # Someone else's listing looks the same as none: its existence is not told.
    listing = lock(listing_id)
    if listing.seller_id != seller.pk:
        raise ListingNotFoundError(str(listing_id))
    return listing
