"""The rights that a listing sells, in the words of the licence (docs/format-v1.md, section 6.3)."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from django.conf import settings

from drm.rights import LeaseTerms, Rights
from marketplace.catalog.models import Listing

__all__ = ["HARD_CAP", "START_GRACE", "rights_of"]

# A click by mistake begins no rental, and no film is cut before its end.
START_GRACE: Final = dt.timedelta(minutes=1)
HARD_CAP: Final = dt.timedelta(hours=4)
_DAY: Final = 86_400
_HOUR: Final = 3_600


def rights_of(listing: Listing) -> dict[str, Any]:
    """What a buyer of `listing` may do, as claims of a licence."""
    if listing.rental_hours is None:
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
            lease=LeaseTerms(
                duration=int(settings.LEASE_DURATION.total_seconds()),
                grace=int(settings.LEASE_GRACE.total_seconds()),
            ),
            gift=listing.giftable,
        )
    return rights.to_claims()
