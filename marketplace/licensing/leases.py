"""Leases: the shop's word, for a few days, that a device may open a leased licence.

The device says which lease it holds and what it played under it; it gets the next one.
Plays that are counted are set aside before they are played, one for each lease, so that
several devices together never get more than were sold. What was set aside is free again
when its device reports that it was not used.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.db.models import Max, Min, Sum
from django.utils.translation import gettext as _

from drm.lease import sign_lease
from drm.signed import document_hash
from marketplace.accounts import queries as accounts
from marketplace.accounts import services as account_services
from marketplace.accounts.types import Device, User
from marketplace.licensing import auditing
from marketplace.licensing.errors import LicenceNotFoundError, NotLeasedError
from marketplace.licensing.issuing import keys_of, own_licence
from marketplace.licensing.models import Entitlement, Lease, Licence
from marketplace.licensing.queries import refusal
from marketplace.licensing.terms import is_over, require_free, rights_of
from marketplace.packaging import services as packaging

__all__ = ["LeaseRequest", "lease_for"]


@dataclass(frozen=True, kw_only=True, slots=True)
class LeaseRequest:
    """What a device tells with its question. `counter` is of the lease it holds, 0 for none;
    `plays` were begun under that one; `first_play` is the first of all, as far as it knows.
    """

    nonce: str
    counter: int = 0
    first_play: dt.datetime | None = None
    plays: int = 0


def lease_for(
    *, user: User, device: Device, licence_id: uuid.UUID, request: LeaseRequest, now: dt.datetime
) -> str:
    """The next lease of this device's licence, a JWS; what it tells of its playing is kept.

    Raises LicenceNotFoundError, accounts' DeviceNotFoundError where the device is removed,
    NotLeasedError, EntitlementRevokedError, HandingOverError, and EntitlementOverError where
    the time or the plays have run out: then what the device told is kept all the same.
    """
    with transaction.atomic():
        licence = own_licence(user, device, licence_id)
        # The entitlement's row is the lock: its devices share one window and one count.
        entitlement = Entitlement.objects.select_for_update().get(pk=licence.entitlement_id)
        licence.refresh_from_db(fields=["jws", "surrendered_at"])
        licence.entitlement = entitlement
        active = accounts.device(user, device.pk)
        _require_leased(licence)
        known = _take_report(licence, request, now=now)
        if not is_over(entitlement, now):
            return _issue(licence, active, request, known, now=now)
    # Outside, so that the report stays.
    raise refusal(entitlement)


def _require_leased(licence: Licence) -> None:
    entitlement = licence.entitlement
    if licence.surrendered_at is not None:
        raise LicenceNotFoundError(_("There is no such licence for this device."))
    if entitlement.state != Entitlement.State.ACTIVE:
        raise refusal(entitlement)
    if rights_of(entitlement).lease is None:
        raise NotLeasedError(_("This licence needs no lease: it opens without the shop."))
    require_free(entitlement)


@dataclass(frozen=True, slots=True)
class _Known:
    """What the shop knew of the licence's leases before this question."""

    last: int  # the highest counter that was issued
    highest: int  # the highest that was presented
    epoch: int


def _take_report(licence: Licence, request: LeaseRequest, *, now: dt.datetime) -> _Known:
    """Keep what the device told: the earliest first play, and plays that were not told yet."""
    told = licence.leases.aggregate(last=Max("counter"), highest=Max("presented"), e=Max("epoch"))
    known = _Known(told["last"] or 0, told["highest"] or 0, told["e"] or 0)
    if request.counter not in (known.last, known.highest):
        _note_copy(licence, now)
    entitlement = licence.entitlement
    row = licence.leases.filter(counter=request.counter).first()
    if row is not None:
        before = row.reported or 0
        row.reported = max(before, request.plays)
        row.save(update_fields=["reported"])
        entitlement.plays_used += row.reported - before
    _begin_window(entitlement, request, now)
    entitlement.save(update_fields=["plays_used", "first_play_at", "expires_at"])
    return known


def _begin_window(entitlement: Entitlement, request: LeaseRequest, now: dt.datetime) -> None:
    window = rights_of(entitlement).play_window
    if request.first_play is None or window is None:
        return
    # A clock that is wrong must neither end a rental before it was bought nor begin it later.
    told = min(max(request.first_play, entitlement.created_at), now)
    told = told.replace(second=0, microsecond=0)
    if entitlement.first_play_at is None or told < entitlement.first_play_at:
        entitlement.first_play_at = told
        end = told + dt.timedelta(seconds=window)
        entitlement.expires_at = min(entitlement.expires_at or end, end)


def _note_copy(licence: Licence, now: dt.datetime) -> None:
    """Two keep the record of one device, or it was set back: said, and nobody is locked out."""
    day = _day(now)
    account_services.suspect_copies(device_id=licence.device_id, day=day)
    body = {"licence": str(licence.pk)}
    auditing.record(kind="copy_suspected", body=body, now=now, day_only=True)


def _issue(
    licence: Licence, device: Device, request: LeaseRequest, known: _Known, *, now: dt.datetime
) -> str:
    entitlement = licence.entitlement
    count = rights_of(entitlement).play_count
    aside = 0 if count is None else _set_aside(licence, request, known, count, now=now)
    # A record that begins anew is another one than that which presented leases before.
    fresh = request.counter == 0 and known.highest > 0
    row = Lease.objects.create(
        licence=licence,
        counter=max(known.last, request.counter) + 1,
        presented=request.counter,
        epoch=known.epoch + fresh,
        set_aside=aside,
        day=_day(now),
    )
    issuer = packaging.issuer()
    jws = sign_lease(
        issuer=issuer.key,
        kid=issuer.kid,
        lease_id=str(uuid.uuid4()),
        licence=licence.jws,
        device=keys_of(device),
        key=packaging.content_key(licence.package_id),
        now=now,
        expires=_end_of(entitlement, now),
        counter=row.counter,
        epoch=row.epoch,
        nonce=request.nonce,
        first_play=entitlement.first_play_at,
        # All but the one set aside are taken, as far as this device may know.
        plays=None if count is None else count - aside,
    )
    body = {"licence": str(licence.pk), "hash": document_hash(jws)}
    auditing.record(kind="lease", body=body, now=now, day_only=True)
    return jws


def _set_aside(
    licence: Licence, request: LeaseRequest, known: _Known, count: int, *, now: dt.datetime
) -> int:
    """How many plays the next lease may allow: one, or none where no other is free.

    An answer that was lost does not cost a play: who presents the same lease again, while
    the first answer to it could still be running, gets the play of that answer.
    """
    # A record that begins anew answers nothing that came before it.
    since = known.highest if request.counter == 0 else 0
    answers = licence.leases.filter(presented=request.counter, counter__gt=since)
    first = answers.aggregate(day=Min("day"))["day"]
    running = settings.LEASE_DURATION + settings.LEASE_GRACE
    if first is not None and first >= _day(now - running):
        answers.filter(reported=None).update(set_aside=0)
    entitlement = licence.entitlement
    aside = Lease.objects.filter(licence__entitlement=entitlement, reported=None)
    taken = entitlement.plays_used + (aside.aggregate(n=Sum("set_aside"))["n"] or 0)
    return 1 if taken < count else 0


def _end_of(entitlement: Entitlement, now: dt.datetime) -> dt.datetime:
    """When a lease ends that begins now: never after what was sold."""
    ends = [now + settings.LEASE_DURATION]
    if entitlement.start_by is not None and entitlement.first_play_at is None:
        ends.append(entitlement.start_by)
    if entitlement.expires_at is not None:
        ends.append(entitlement.expires_at)
    return min(ends)


def _day(at: dt.datetime) -> dt.date:
    return at.astimezone(dt.UTC).date()
