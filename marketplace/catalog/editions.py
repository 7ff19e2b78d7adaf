"""Limited editions: so many copies and no more, each an order's from before it is paid.

    take ─► the order has copy 7 of 50 ─► it expires or is refunded: return ─► copy 7 is free

The listing's lock makes buyers of the last copy wait for each other. What was sold before a
listing had a limit has no copy and does not count.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.catalog.errors import SoldOutError
from marketplace.catalog.locking import lock
from marketplace.catalog.models import EditionCopy, Listing

__all__ = ["copies_left", "copies_taken", "copy_of", "return_copy", "take_copy"]


def copies_taken(listing_id: uuid.UUID) -> int:
    """How many copies are sold or being paid for."""
    return EditionCopy.objects.filter(listing_id=listing_id, returned_at__isnull=True).count()


def copies_left(listing: Listing) -> int | None:
    """How many copies can still be bought; None where their number is not limited."""
    if listing.copies is None:
        return None
    return max(0, listing.copies - copies_taken(listing.pk))


def copy_of(order_id: uuid.UUID) -> EditionCopy | None:
    """The copy that an order has; None where it has none, or has it no more."""
    rows = EditionCopy.objects.filter(order_id=order_id, returned_at__isnull=True)
    return rows.select_related("listing").first()


@transaction.atomic
def take_copy(*, listing_id: uuid.UUID, order_id: uuid.UUID, now: dt.datetime) -> int | None:
    """Keep a copy for an order. Returns its number; None where the listing has no limit.

    An order that has one keeps it; one that gave it back gets another, as after a late payment.
    Raises SoldOutError where none is left, ListingNotFoundError.
    """
    listing = lock(listing_id)
    row = EditionCopy.objects.filter(order_id=order_id).first()
    if row is not None and row.returned_at is None:
        return row.number
    if listing.copies is None:
        return None
    taken = EditionCopy.objects.filter(listing_id=listing_id, returned_at__isnull=True)
    numbers = set(taken.values_list("number", flat=True))
    if len(numbers) >= listing.copies:
        raise SoldOutError(_sold_out(listing))
    number = next(n for n in range(1, len(numbers) + 2) if n not in numbers)
    row = row or EditionCopy(listing_id=listing_id, order_id=order_id)
    row.number, row.taken_at, row.returned_at = number, now, None
    row.save()
    return number


@transaction.atomic
def return_copy(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """The order is not paid, or its money went back: the copy can be sold again.

    Returns whether that is news; an order without a copy is none.
    """
    # Without the listing's lock: whoever counts meanwhile finds a copy too few, never too many.
    taken = EditionCopy.objects.filter(order_id=order_id, returned_at__isnull=True)
    return bool(taken.update(returned_at=now))


def _sold_out(listing: Listing) -> str:
    return _(
        "All %(copies)d copies of “%(title)s” are sold or being paid for. Nothing was charged."
        " A copy that is not paid for comes back: look again in an hour."
    ) % {"copies": listing.copies or 0, "title": listing.title}
