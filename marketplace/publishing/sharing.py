"""Whether buyers share a listing in a closed swarm or an open one: the seller's choice."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext_lazy

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotReadyError
from marketplace.catalog.types import Listing
from marketplace.distribution import queries as distribution_queries
from marketplace.distribution import services as distribution

__all__ = ["NOTHING_TO_SHARE", "choose_swarm", "shared_closed"]

NOTHING_TO_SHARE = gettext_lazy(
    "Put the listing on sale first: until then there is nothing to share."
)


def shared_closed(listing: Listing) -> bool | None:
    """Whether the listing's swarms are closed; None before it was ever on sale."""
    packages = _packages(listing)
    return distribution_queries.is_closed(packages[-1]) if packages else None


@transaction.atomic
def choose_swarm(*, listing_id: uuid.UUID, seller: User, closed: bool, now: dt.datetime) -> None:
    """Close the swarms of all versions of a listing, or open them.

    Later versions are shared the same way. Raises ListingNotFoundError (also where it is
    another's), ListingNotReadyError before it was ever on sale.
    """
    packages = _packages(catalog.own_listing(listing_id, seller))
    if not packages:
        raise ListingNotReadyError(str(NOTHING_TO_SHARE))
    for package in packages:
        distribution.set_closed(package_id=package, closed=closed, now=now)


def _packages(listing: Listing) -> list[str]:
    """The packages of the versions that are out, the newest last."""
    rows = listing.versions.filter(published_at__isnull=False).order_by("number")
    return [package for package in rows.values_list("package_id", flat=True) if package]
