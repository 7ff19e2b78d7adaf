"""Subscriptions: each paid period lets the one entitlement go on."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from marketplace.accounts.types import User
from marketplace.licensing.granting import grant, is_known, record_event, tell
from marketplace.licensing.models import Entitlement, EntitlementEvent

__all__ = ["bridge", "subscribe"]

_State = Entitlement.State
_Event = EntitlementEvent.Kind


@transaction.atomic
def subscribe(
    *,
    user: User,
    listing_id: uuid.UUID,
    package_id: str,
    orders: Sequence[uuid.UUID],
    rights: Mapping[str, Any],
    expires_at: dt.datetime,
    now: dt.datetime,
) -> Entitlement:
    """Let a subscription open until `expires_at`, for its newest paid period has come.

    `orders` are those of its paid periods, the one that has come last. The entitlement is
    named after the newest of them: so the refund of a period that runs ends it, and the
    refund of one that is over does not. What was taken back, or is disputed, does not go on;
    the new period then has an entitlement of its own. The same order counts once.
    """
    order_id = orders[-1]
    own = Entitlement.objects.select_for_update().filter(order_id__in=orders)
    current = own.order_by("created_at", "pk").last()
    source = f"order:{order_id}"
    if current is not None and is_known(source):
        return current
    if current is None or current.state != _State.ACTIVE or current.expires_at is None:
        return grant(
            user=user,
            listing_id=listing_id,
            package_id=package_id,
            order_id=order_id,
            rights=rights,
            kind=Entitlement.Kind.SUBSCRIPTION,
            expires_at=expires_at,
            now=now,
        )
    if expires_at > current.expires_at:
        current.order_id = order_id
        _go_on(current, expires_at, source, now=now)
    return current


@transaction.atomic
def bridge(
    *, orders: Sequence[uuid.UUID], until: dt.datetime, source: str, now: dt.datetime
) -> bool:
    """Let a subscription open until `until` while its renewal is under way.

    The same source counts once. Returns whether this call did it.
    """
    own = Entitlement.objects.select_for_update().filter(order_id__in=orders, state=_State.ACTIVE)
    current = own.order_by("created_at", "pk").last()
    if current is None or current.expires_at is None or until <= current.expires_at:
        return False
    if is_known(source):
        return False
    _go_on(current, until, source, now=now)
    return True


def _go_on(entitlement: Entitlement, until: dt.datetime, source: str, *, now: dt.datetime) -> None:
    entitlement.expires_at = until
    entitlement.save(update_fields=["expires_at", "order_id"])
    record_event(entitlement, entitlement.state, _Event.EXTENDED, source, now=now)
    tell(entitlement, "licence.changed")
