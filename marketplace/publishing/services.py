"""From uploaded files to a listing on sale.

    publish ─► job: seal ─► torrent ─► on sale
                 └─ fails ─► draft again, with a sentence that says why

The job is a row of the same database, written in the transaction that asks for it: so
it is neither lost nor done for nothing. It may run twice; each step does nothing
where it was done already.
"""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils import translation

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import VersionNotFoundError
from marketplace.catalog.types import Listing, SaleTerms
from marketplace.packaging import services as packaging
from marketplace.publishing.preparing import prepare_listing, prepare_version
from marketplace.publishing.tasks import seal_listing, seal_version

__all__ = ["prepare_listing", "prepare_version", "publish", "publish_version"]


@transaction.atomic
def publish(*, listing_id: uuid.UUID, seller: User, terms: SaleTerms | None = None) -> None:
    """Close the files of a draft listing and have a job put it on sale.

    `terms` say what buyers get; None keeps what the listing says. A listing that is being
    prepared already stays as it is. Raises ListingNotFoundError (also where it is another's),
    ListingNotReadyError, TermsError, and what `queue_sealing` raises:
    then nothing has changed.
    """
    listing = catalog_queries.own_listing(listing_id, seller)
    if listing.status == Listing.Status.PREPARING:
        return
    if terms is not None:
        listing = catalog.set_terms(listing_id=listing_id, seller=seller, terms=terms)
    packaging.queue_sealing(draft_id=listing.draft_id, owner=seller, may_save=listing.may_save)
    catalog.set_preparing(listing_id=listing_id)
    seal_listing.enqueue(str(listing_id), translation.get_language() or "")


@transaction.atomic
def publish_version(*, listing_id: uuid.UUID, seller: User, notes: str) -> None:
    """Close the files of the version that is being made, and have a job bring it to the buyers.

    The listing sells its present version until the new one is ready. Raises
    ListingNotFoundError (also where it is another's), VersionNotFoundError where none was
    begun, and what `queue_sealing` raises: then nothing has changed.
    """
    listing = catalog_queries.own_listing(listing_id, seller)
    version = catalog_queries.own_version(listing_id, seller)
    if version is None:
        raise VersionNotFoundError(str(listing_id))
    catalog.set_notes(version_id=version.pk, notes=notes)
    waits = packaging.queue_sealing(
        draft_id=version.draft_id, owner=seller, may_save=listing.may_save
    )
    if waits:
        seal_version.enqueue(str(version.pk), translation.get_language() or "")
