"""Until when an entitlement lasts: the one place that says so, for rows and for queries."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from drm.rights import Rights
from marketplace.licensing.errors import HandingOverError
from marketplace.licensing.models import Entitlement

__all__ = [
    "is_over",
    "is_surely_over",
    "is_untouched",
    "living",
    "require_free",
    "rights_of",
    "state_of",
]


def rights_of(entitlement: Entitlement) -> Rights:
    return Rights.from_claims(entitlement.rights)


def require_free(entitlement: Entitlement) -> None:
    """Raises HandingOverError while its devices are giving it back: nothing new is issued then."""
    if entitlement.on_hold:
        raise HandingOverError(
            _(
                "This is being handed over, so it opens on no further device. Your library "
                "on the shop's page shows how it stands, and whether it can be cancelled."
            )
        )


def is_over(entitlement: Entitlement, now: dt.datetime) -> bool:
    """Whether its time has run out, or its plays; a refund is another matter."""
    if entitlement.expires_at is not None and now >= entitlement.expires_at:
        return True
    start_by, begun = entitlement.start_by, entitlement.first_play_at is not None
    if start_by is not None and not begun and now >= start_by:
        return True
    most = rights_of(entitlement).play_count
    return most is not None and entitlement.plays_used >= most


def is_surely_over(entitlement: Entitlement, now: dt.datetime) -> bool:
    """Whether it is over whatever a device has still to tell.

    A play that began in time may be told after the last moment to begin, by a device that was
    offline; so until its window would be over, too, nothing is signed away.
    """
    window = rights_of(entitlement).play_window
    waits = window is not None and entitlement.first_play_at is None
    latest = entitlement.expires_at
    if waits and latest is not None and now < latest:
        return False
    return is_over(entitlement, now)


def is_untouched(entitlement: Entitlement) -> bool:
    """Whether it is its buyer's still, and nobody ever had a licence of it or could have one."""
    whole = entitlement.state in (Entitlement.State.ACTIVE, Entitlement.State.GIVEN)
    had = entitlement.licences.exists() or entitlement.children.exists()
    return whole and not had and not entitlement.on_hold


def state_of(entitlement: Entitlement, now: dt.datetime) -> str:
    """The state that its holder sees: as recorded, or “expired”."""
    active = entitlement.state == Entitlement.State.ACTIVE
    return "expired" if active and is_over(entitlement, now) else str(entitlement.state)


def living(
    now: dt.datetime | None = None, *, states: Iterable[str] = (Entitlement.State.ACTIVE,)
) -> Q:
    """Entitlements that open something now, as a condition of a query.

    `states`: others that count as well, for who asks about more than opening. It does not count plays: who has used them up may still serve the ciphertext.
    """
    now = now or timezone.now()
    in_time = Q(expires_at__isnull=True) | Q(expires_at__gt=now)
    begun = Q(start_by__isnull=True) | Q(start_by__gt=now) | Q(first_play_at__isnull=False)
    return Q(state__in=list(states)) & in_time & begun
