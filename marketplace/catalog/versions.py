"""New versions of a listing that was on sale before: begun, published, dropped.

    begin ─► files are collected, sealed ─► publish: the listing sells it from now on
      └──► drop: as if it had never begun

Who has bought a version keeps it, and gets the later ones.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Max, QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog.errors import ListingNotReadyError, VersionNotFoundError
from marketplace.catalog.locking import lock, lock_own
from marketplace.catalog.models import Listing, ListingVersion
from marketplace.core.text import clean_text
from marketplace.packaging import services as packaging

__all__ = [
    "begin_version",
    "drop_version",
    "first_version",
    "own_version",
    "publish_version",
    "set_notes",
    "version_by_id",
    "versions_in_the_making",
    "versions_of",
]

_SELLING = (Listing.Status.ON_SALE, Listing.Status.WITHDRAWN)


def versions_of(listing_id: uuid.UUID) -> QuerySet[ListingVersion]:
    """The published versions of a listing, the newest first."""
    rows = ListingVersion.objects.filter(listing_id=listing_id, published_at__isnull=False)
    return rows.select_related("package").order_by("-number")


def versions_in_the_making() -> QuerySet[ListingVersion]:
    """Versions that are not out yet, of all listings: for jobs."""
    return ListingVersion.objects.filter(published_at__isnull=True).select_related("draft")


def own_version(listing_id: uuid.UUID, seller: User) -> ListingVersion | None:
    """The version that `seller` is making of the listing; None where there is none."""
    rows = ListingVersion.objects.filter(
        listing_id=listing_id, listing__seller_id=seller.pk, published_at__isnull=True
    )
    return rows.select_related("listing", "draft").first()


def version_by_id(version_id: uuid.UUID) -> ListingVersion:
    """A version, whoever owns it: for jobs. Raises VersionNotFoundError."""
    try:
        return ListingVersion.objects.select_related("listing", "draft").get(pk=version_id)
    except ListingVersion.DoesNotExist:
        raise VersionNotFoundError(str(version_id)) from None


@transaction.atomic
def begin_version(*, listing_id: uuid.UUID, seller: User) -> ListingVersion:
    """Collect files for the next version. Where one is begun already, that one.

    Raises ListingNotFoundError (also where it is another's), ListingNotReadyError before
    the first version was on sale.
    """
    listing = lock_own(listing_id, seller=seller)
    if listing.status not in _SELLING:
        raise ListingNotReadyError(_("Put the listing on sale first; then it can have versions."))
    begun = own_version(listing_id, seller)
    if begun is not None:
        return begun
    last = listing.versions.aggregate(last=Max("number"))["last"] or 1
    draft = packaging.create_draft(owner=seller, version=last + 1)
    return ListingVersion.objects.create(listing=listing, number=last + 1, draft=draft)


@transaction.atomic
def set_notes(*, version_id: uuid.UUID, notes: str) -> None:
    """Say what is new in a version that is not out yet."""
    ListingVersion.objects.filter(pk=version_id, published_at__isnull=True).update(
        notes=clean_text(notes).strip()
    )


@transaction.atomic
def drop_version(*, listing_id: uuid.UUID, seller: User) -> bool:
    """Give up the version that is being made, with its files. Returns whether there was one.

    Raises ListingNotFoundError, and DraftClosedError while its files are being encrypted.
    """
    lock_own(listing_id, seller=seller)
    begun = own_version(listing_id, seller)
    if begun is None:
        return False
    draft_id = begun.draft_id
    begun.delete()
    packaging.delete_draft(draft_id=draft_id, owner=seller)
    return True


@transaction.atomic
def publish_version(*, version_id: uuid.UUID, package_id: str, now: dt.datetime) -> ListingVersion:
    """The sealed package is ready: the listing sells it from `now` on.

    Doing it again changes nothing. Whether the listing is on sale stays as it is.
    """
    version = version_by_id(version_id)
    listing = lock(version.listing_id)
    version.refresh_from_db()
    if version.published_at is not None:
        return version
    version.package_id, version.published_at = package_id, now
    version.save(update_fields=["package", "published_at"])
    listing.package_id, listing.draft_id = package_id, version.draft_id
    listing.save(update_fields=["package", "draft"])
    return version


def first_version(listing: Listing, *, now: dt.datetime) -> None:
    """Write down version 1 of a listing that goes on sale, in the running transaction."""
    ListingVersion.objects.create(
        listing=listing,
        number=1,
        draft_id=listing.draft_id,
        package_id=listing.package_id,
        published_at=now,
    )
