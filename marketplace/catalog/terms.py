"""What a listing sells: to play, to save, or to rent; and what its buyers may pass on."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any, Final

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from drm.rights import LeaseTerms, Rights
from marketplace.accounts.types import User
from marketplace.catalog.errors import ListingNotReadyError, TermsError
from marketplace.catalog.locking import lock_own
from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms

__all__ = [
    "HARD_CAP",
    "LIMITS",
    "START_GRACE",
    "SaleTerms",
    "check_terms",
    "rights_of",
    "set_terms",
]

# A click by mistake begins no rental, and no film is cut before its end.
START_GRACE: Final = dt.timedelta(minutes=1)
HARD_CAP: Final = dt.timedelta(hours=4)
# The most that a seller may offer of each; the least is one.
LIMITS: Final = {"rental_hours": 8_760, "start_days": 365, "plays": 1_000, "lend_days": 365}
_DAY: Final = 86_400
_HOUR: Final = 3_600


@transaction.atomic
def set_terms(*, listing_id: uuid.UUID, seller: User, terms: SaleTerms) -> Listing:
    """Say what buyers get. It is sealed into licences, so of a draft only.

    Raises ListingNotFoundError (also where it is another's), ListingNotReadyError, TermsError.
    """
    check_terms(terms)
    listing = lock_own(listing_id, seller=seller)
    if listing.status != Listing.Status.DRAFT:
        raise ListingNotReadyError(_("What buyers may do is fixed once sealing has begun."))
    if listing.is_subscription:
        _check_subscription(terms)
    names = [*LIMITS, "may_save", "transferable", "giftable"]
    for name in names:
        setattr(listing, name, getattr(terms, name))
    listing.save(update_fields=names)
    return listing


def check_terms(terms: SaleTerms) -> None:
    """Raises TermsError, with the name of the field, where `terms` do not fit together."""
    for name, most in LIMITS.items():
        value = getattr(terms, name)
        if value is not None and not 1 <= value <= most:
            raise TermsError(name, _("Choose from 1 to %(most)d.") % {"most": most})
    if terms.rental_hours is None:
        if terms.start_days is not None or terms.plays is not None:
            raise TermsError("rental_hours", _("Say for how many hours it can be watched."))
        return
    if terms.start_days is None:
        raise TermsError("start_days", _("Say within how many days a rental must begin."))
    if terms.may_save:
        raise TermsError("may_save", _("What is rented cannot be saved."))
    if terms.lend_days is not None:
        raise TermsError("lend_days", _("What is rented cannot be lent."))
    if terms.transferable:
        raise TermsError("transferable", _("What is rented cannot be passed on once opened."))


def _check_subscription(terms: SaleTerms) -> None:
    if terms.rental_hours is not None:
        raise TermsError("rental_hours", _("A subscription is no rental."))
    if terms.may_save:
        raise TermsError("may_save", _("What is subscribed to cannot be saved."))
    if terms.lend_days is not None:
        raise TermsError("lend_days", _("What is subscribed to cannot be lent."))
    if terms.transferable:
        raise TermsError("transferable", _("What is subscribed to cannot be passed on."))
    if terms.giftable:
        raise TermsError("giftable", _("What is subscribed to cannot be given away."))


def rights_of(listing: Listing) -> dict[str, Any]:
    """What a buyer of `listing` may do, as claims of a licence."""
    if listing.is_subscription:
        rights = Rights(play=True, lease=_lease_terms())
    elif listing.rental_hours is None:
        rights = Rights(
            play=True,
            save=listing.may_save,
            transfer=listing.transferable,
            lend=listing.lend_days * _DAY if listing.lend_days else None,
            gift=listing.giftable,
        )
    else:
        rights = Rights(
            play=True,
            play_window=listing.rental_hours * _HOUR,
            play_start_grace=int(START_GRACE.total_seconds()),
            soft_end=True,
            hard_cap=int(HARD_CAP.total_seconds()),
            play_count=listing.plays,
            lease=_lease_terms(),
            gift=listing.giftable,
        )
    return rights.to_claims()


def _lease_terms() -> LeaseTerms:
    return LeaseTerms(
        duration=int(settings.LEASE_DURATION.total_seconds()),
        grace=int(settings.LEASE_GRACE.total_seconds()),
    )
