"""What the studio shows."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db.models import Count, Q

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.orders import queries as orders
from marketplace.orders.types import Order
from marketplace.packaging import queries as packaging
from marketplace.packaging.types import PackageFile, Upload

__all__ = ["Shelf", "StudioFile", "files_of", "limits", "shelf"]


@dataclass(frozen=True, kw_only=True)
class StudioFile:
    """A file of a listing. `upload`: it can still be moved and removed."""

    name: str
    media_type: str
    size: int
    received: int
    plays: bool
    upload: Upload | None

    @property
    def complete(self) -> bool:
        return self.upload is None or self.upload.completed_at is not None


@dataclass(frozen=True, kw_only=True)
class Shelf:
    """A listing in its seller's eyes."""

    listing: Listing
    sold: int  # sales that stand
    returned: int  # those whose money went all back, by a refund or by a bank


def shelf(seller: User) -> list[Shelf]:
    """All listings of `seller` with how often each was sold, the newest first."""
    stands = Q(state=Order.State.PAID)
    rows = orders.sales_of(seller).order_by().values("listing")
    counted = rows.annotate(sold=Count("pk", filter=stands), returned=Count("pk", filter=~stands))
    found = {row["listing"]: (row["sold"], row["returned"]) for row in counted}
    shelves = []
    for listing in catalog.listings_of(seller):
        sold, returned = found.get(listing.pk, (0, 0))
        shelves.append(Shelf(listing=listing, sold=sold, returned=returned))
    return shelves


def files_of(draft_id: uuid.UUID) -> list[StudioFile]:
    """The files of a draft in their order, before sealing and after."""
    uploads = list(packaging.uploads(draft_id))
    rows: Sequence[Upload | PackageFile] = uploads or list(packaging.files_of_draft(draft_id))
    return [_studio_file(row) for row in rows]


def limits() -> dict[str, int]:
    """What one upload and one listing may hold."""
    return {"max_bytes": settings.UPLOAD_MAX_BYTES, "max_files": settings.UPLOAD_MAX_FILES}


def _studio_file(row: Upload | PackageFile) -> StudioFile:
    upload = row if isinstance(row, Upload) else None
    size = row.size if isinstance(row, Upload) else row.plain_size
    return StudioFile(
        name=row.name,
        media_type=row.media_type,
        size=size,
        received=upload.received if upload else size,
        plays=packaging.playable(row.media_type),
        upload=upload,
    )
