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
from marketplace.catalog.types import Listing
from marketplace.packaging import services as packaging
from marketplace.publishing.preparing import prepare_listing
from marketplace.publishing.tasks import seal_listing

__all__ = ["prepare_listing", "publish"]


@transaction.atomic
def publish(*, listing_id: uuid.UUID, seller: User, may_save: bool | None = None) -> None:
    """Close the files of a draft listing and have a job put it on sale.

    `may_save` says whether buyers may save the files; None keeps what the listing says.
    A listing that is being prepared already stays as it is. Raises ListingNotFoundError
    (also where it is another's), ListingNotReadyError, and what `queue_sealing` raises:
    then nothing has changed.
    """
    listing = catalog_queries.own_listing(listing_id, seller)
    if listing.status == Listing.Status.PREPARING:
        return
    if may_save is not None:
        listing = catalog.set_may_save(listing_id=listing_id, seller=seller, may_save=may_save)
    packaging.queue_sealing(draft_id=listing.draft_id, owner=seller, may_save=listing.may_save)
    catalog.set_preparing(listing_id=listing_id)
    seal_listing.enqueue(str(listing_id), translation.get_language() or "")
