"""Giving an entitlement, and what its holder does with it; reversing.py has what money does."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from drm.rights import Rights
from marketplace.accounts.types import User
from marketplace.licensing import auditing
from marketplace.licensing.errors import EntitlementConflictError, TransitionError
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.licensing.states import after
from marketplace.licensing.versions import versions_of
from marketplace.messaging import services as messaging

__all__ = [
    "change",
    "extend",
    "grant",
    "is_known",
    "milliseconds",
    "outrank",
    "record_event",
    "tell",
]

_Kind = Entitlement.Kind
_Event = EntitlementEvent.Kind
_State = Entitlement.State


@transaction.atomic
def grant(  # noqa: PLR0913 - an entitlement is this much, and each by its name
    *,
    user: User,
    listing_id: uuid.UUID,
    package_id: str,
    order_id: uuid.UUID | None,
    rights: Mapping[str, Any],
    now: dt.datetime,
    kind: str = _Kind.PURCHASE,
    start_by: dt.datetime | None = None,
    expires_at: dt.datetime | None = None,
    parent: Entitlement | None = None,
    source: str = "",
) -> Entitlement:
    """Let `user` open the package, because of an order, or of what `source` names.

    Granting again for the same cause changes nothing and returns what it granted, also
    when that was taken back since. `rights` as in the licence; what is absent is denied.
    A rental has a `start_by`, and ends its window after that at the latest; a subscription
    has leases and an `expires_at`. What has a `parent` was received from its holder; a
    present opens nothing until it is claimed (presents.py).
    Raises EntitlementConflictError where the cause granted something else.
    """
    allowed = Rights.from_claims(rights)
    if kind == _Kind.SUBSCRIPTION and (expires_at is None or allowed.lease is None):
        raise ValueError("a subscription needs an end, and leases")
    if start_by is not None and allowed.play_window is not None and expires_at is None:
        expires_at = start_by + dt.timedelta(seconds=allowed.play_window)
    cause = source or f"order:{order_id}"
    if order_id is None and not source:
        raise ValueError("a grant without an order names its source")
    granted = _granted(order_id, cause)
    if granted is not None:
        _require_same(granted, user, listing_id, package_id, kind)
        return granted
    entitlement = Entitlement(
        user=user,
        listing_id=listing_id,
        package_id=package_id,
        order_id=order_id,
        kind=kind,
        rights=allowed.to_claims(),
        start_by=start_by,
        expires_at=expires_at,
        parent=parent,
        created_at=now,
    )
    if order_id is not None:
        entitlement, created = _create_once(entitlement)
        if not created:
            _require_same(entitlement, user, listing_id, package_id, kind)
            return entitlement
    else:
        entitlement.save(force_insert=True)
    event = _Event.GRANTED if parent is None else _Event.RECEIVED
    if kind == _Kind.PRESENT:
        event = _Event.GIFTED
    record_event(entitlement, None, event, cause, now=now)
    messaging.publish(group=messaging.user_group(user.pk), kind="library.changed", payload={})
    return entitlement


@transaction.atomic
def change(*, entitlement_id: uuid.UUID, kind: str, source: str, now: dt.datetime) -> bool:
    """Record that it was lent, returned or transferred, as the table of states allows.

    The same source counts once. Returns whether this call did it. Raises TransitionError.
    """
    entitlement = Entitlement.objects.select_for_update().get(pk=entitlement_id)
    if is_known(source):
        return False
    record_event(entitlement, entitlement.state, kind, source, now=now)
    tell(entitlement, "licence.changed")
    return True


@transaction.atomic
def extend(
    *, entitlement_id: uuid.UUID, expires_at: dt.datetime, source: str, now: dt.datetime
) -> bool:
    """Let a subscription or a loan go on until `expires_at`. The same source counts once.

    Returns whether this call did it. Raises TransitionError where it has no end to move, or
    ends later already.
    """
    entitlement = Entitlement.objects.select_for_update().get(pk=entitlement_id)
    if is_known(source):
        return False
    renewable = entitlement.kind in (_Kind.SUBSCRIPTION, _Kind.LOAN)
    if not renewable or entitlement.expires_at is None or expires_at <= entitlement.expires_at:
        raise TransitionError(_("Only a subscription or a loan can go on, and only for longer."))
    entitlement.expires_at = expires_at
    entitlement.save(update_fields=["expires_at"])
    record_event(entitlement, entitlement.state, _Event.EXTENDED, source, now=now)
    tell(entitlement, "licence.changed")
    return True


def outrank(*, now: dt.datetime) -> int:
    """Let the shop's words count for more than all that it has given before `now`.

    A shop that comes back from a backup has forgotten the newest of them, and devices refuse
    what is older. Returns how many entitlements were raised.
    """
    highest = milliseconds(now)
    return Entitlement.objects.filter(sequence__lt=highest).update(sequence=highest)


def milliseconds(at: dt.datetime) -> int:
    """Whole milliseconds since 1970: what sequences are counted in."""
    return int(at.timestamp() * 1000)


def _granted(order_id: uuid.UUID | None, cause: str) -> Entitlement | None:
    rows = Entitlement.objects.select_for_update()
    if order_id is not None:
        return rows.filter(order_id=order_id).first()
    event = EntitlementEvent.objects.filter(source=cause).first()
    return None if event is None else rows.get(pk=event.entitlement_id)


def _create_once(new: Entitlement) -> tuple[Entitlement, bool]:
    """Save it, unless a rival granted the order in this moment: then that one, locked."""
    names = (
        "id", "user_id", "listing_id", "package_id", "kind", "rights",
        "start_by", "expires_at", "parent_id", "created_at",
    )  # fmt: skip
    defaults = {name: getattr(new, name) for name in names}
    return Entitlement.objects.select_for_update().get_or_create(
        order_id=new.order_id, defaults=defaults
    )


def _require_same(
    entitlement: Entitlement, user: User, listing_id: uuid.UUID, package_id: str, kind: str
) -> None:
    granted = (entitlement.user_id, entitlement.listing_id, entitlement.package_id)
    present = entitlement.kind == _Kind.PRESENT
    if granted != (user.pk, listing_id, package_id) or present != (kind == _Kind.PRESENT):
        raise EntitlementConflictError(
            _("This order was already fulfilled with something else. Nothing was changed.")
        )


def is_known(source: str) -> bool:
    """Whether the log has what `source` names already."""
    return EntitlementEvent.objects.filter(source=source).exists()


def tell(entitlement: Entitlement, kind: str) -> None:
    """Let its holder's devices and pages know: `kind` as in docs/protocol-v1.md, section 5."""
    group = messaging.user_group(entitlement.user_id)
    for version in versions_of(entitlement):
        messaging.publish(group=group, kind=kind, payload={"package": version.package_id})
    messaging.publish(group=group, kind="library.changed", payload={})


def record_event(
    entitlement: Entitlement, state: str | None, kind: str, source: str, *, now: dt.datetime
) -> None:
    """Write an event and the state that it leads to; the caller holds the row's lock."""
    entitlement.state = after(state, kind, present=entitlement.kind == _Kind.PRESENT)
    EntitlementEvent.objects.create(entitlement=entitlement, kind=kind, source=source, at=now)
    entitlement.sequence = max(entitlement.sequence + 1, milliseconds(now))
    entitlement.save(update_fields=["state", "sequence"])
    auditing.record(kind=kind, body={"entitlement": str(entitlement.pk)}, now=now)
