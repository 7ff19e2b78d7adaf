"""Presents: bought by one, and claimed by whoever was meant. Until then nobody opens them."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.licensing.errors import EntitlementNotFoundError, PresentClosedError
from marketplace.licensing.granting import grant, is_known, record_event, tell
from marketplace.licensing.models import Entitlement, EntitlementEvent

__all__ = ["claim", "give"]

_Event = EntitlementEvent.Kind
_Kind = Entitlement.Kind
_State = Entitlement.State


def give(
    *,
    user: User,
    listing_id: uuid.UUID,
    package_id: str,
    order_id: uuid.UUID,
    rights: Mapping[str, Any],
    now: dt.datetime,
    start_by: dt.datetime | None = None,
) -> Entitlement:
    """Keep ready what `user` has bought for somebody else: it waits in state “given”.

    Called again for the same order it changes nothing. `start_by` as of a rental that was
    bought now: the days begin anew when it is claimed. Raises EntitlementConflictError.
    """
    return grant(
        user=user,
        listing_id=listing_id,
        package_id=package_id,
        order_id=order_id,
        rights=rights,
        kind=_Kind.PRESENT,
        start_by=start_by,
        now=now,
    )


@transaction.atomic
def claim(*, entitlement_id: uuid.UUID, user: User, source: str, now: dt.datetime) -> Entitlement:
    """Hand a present that waits to `user`, who may be its giver. Returns what they own now.

    It is claimed once: the same `source` again returns what it gave. Raises
    EntitlementNotFoundError, and PresentClosedError where it was claimed by another source,
    or its money is gone or in dispute.
    """
    rows = Entitlement.objects.select_for_update(of=("self",)).select_related("listing")
    present = rows.filter(pk=entitlement_id, kind=_Kind.PRESENT).first()
    if present is None:
        raise EntitlementNotFoundError(_("There is no such present."))
    if is_known(source):
        return _claimed(present)
    if present.state != _State.GIVEN:
        raise PresentClosedError(_why_closed(present))
    record_event(present, present.state, _Event.CLAIMED, source, now=now)
    tell(present, "licence.changed")
    return grant(
        user=user,
        listing_id=present.listing_id,
        package_id=present.package_id,
        order_id=None,
        rights=present.rights,
        kind=_Kind.GIFT if present.start_by is None else _Kind.RENTAL,
        start_by=None
        if present.start_by is None
        else now + (present.start_by - present.created_at),
        parent=present,
        source=f"{source}:received",
        now=now,
    )


def _claimed(present: Entitlement) -> Entitlement:
    child = present.children.order_by("created_at", "pk").first()
    if child is None:
        raise PresentClosedError(_why_closed(present))
    return child


def _why_closed(present: Entitlement) -> str:
    match present.state:
        case _State.TRANSFERRED:
            return _("This present was claimed already. It is in the library of whoever did.")
        case _State.SUSPENDED:
            return _(
                "The bank is asking about the payment for this present, so it cannot be "
                "claimed now. Try again in some days, or ask whoever gave it to you."
            )
    return _(
        "The money for this present went back, so it cannot be claimed any more. "
        "Ask whoever gave it to you."
    )
