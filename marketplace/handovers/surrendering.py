"""Devices give their licences back; when the last one has, the handover is complete."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from drm.encoding import from_b64u
from drm.errors import DrmError
from drm.keys import IdentityPublicKey
from drm.signed import document_hash
from drm.surrender import sign_surrender_request, verify_surrender
from marketplace.accounts.types import Device
from marketplace.handovers import mails
from marketplace.handovers.errors import (
    HandoverClosedError,
    HandoverNotFoundError,
    SurrenderRefusedError,
)
from marketplace.handovers.locks import lock_handover
from marketplace.handovers.models import Handover, Surrender
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.messaging import services as messaging
from marketplace.packaging import services as packaging

__all__ = ["Request", "complete", "finish_return", "give_licence_back", "requests_for", "tell"]

_Kind = Handover.Kind
_State = Handover.State
_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Request:
    """That a device is to give a licence back; `document` says it signed."""

    handover_id: uuid.UUID
    kind: str
    package_id: str
    licence_id: uuid.UUID
    document: str


def requests_for(*, device: Device, nonce: str, now: dt.datetime) -> list[Request]:
    """What waits for `device` to delete a licence, each signed over the device's nonce.

    The key counts, so that a removed device, too, can let go. The kind is "return" where a
    borrower gives back.
    """
    rows = (
        Surrender.objects.filter(
            at__isnull=True,
            handover__state__in=(_State.SURRENDERING, _State.RETURNING),
            licence__device__thumbprint=device.thumbprint,
        )
        .select_related("handover", "licence__entitlement")
        .order_by("pk")
    )
    issuer = packaging.issuer(now=now)
    found = []
    for row in rows:
        handover, licence = row.handover, row.licence
        kind = "return" if handover.state == _State.RETURNING else str(handover.kind)
        package_id = licence.package_id
        document = sign_surrender_request(
            issuer=issuer.key,
            kid=issuer.kid,
            handover_id=str(handover.pk),
            kind=kind,
            package_id=package_id,
            licence_id=str(licence.pk),
            licence_hash=document_hash(licence.jws),
            device=device.thumbprint,
            now=now,
            nonce=nonce,
        )
        found.append(Request(handover.pk, kind, package_id, licence.pk, document))
    return found


@transaction.atomic
def give_licence_back(
    *, device: Device, handover_id: uuid.UUID, word: str, now: dt.datetime
) -> Handover:
    """Take a device's signed word (a JWS) that it deleted its licence.

    The same word again changes nothing. With the last one the handover completes, in this
    transaction. Raises HandoverNotFoundError where this device is not asked,
    SurrenderRefusedError where the word is another, HandoverClosedError where it was
    cancelled: then the licence can be fetched anew.
    """
    rows = Surrender.objects.filter(
        handover_id=handover_id, licence__device__thumbprint=device.thumbprint
    ).select_related("handover", "licence__device", "licence__entitlement")
    row = _row_of(list(rows), device, word)
    handover, entitlement = lock_handover(row.handover)
    row.refresh_from_db(fields=["at"])
    if row.at is not None:
        return handover
    if handover.state not in (_State.SURRENDERING, _State.RETURNING):
        raise HandoverClosedError(
            _("This handover has ended, so the licence was not needed. It can be fetched again.")
        )
    side = entitlement
    if handover.state == _State.RETURNING:
        side = licensing.lock(row.licence.entitlement_id)
    licensing.surrender(row.licence, entitlement=side, word=word, now=now)
    row.word, row.at = word, now
    row.save(update_fields=["word", "at"])
    if handover.surrenders.filter(at__isnull=True).exists():
        tell(handover.giver_id)
        return handover
    if handover.state == _State.RETURNING:
        return finish_return(handover, entitlement, now=now)
    # A refund in the middle leaves nothing to pass on.
    if entitlement.state == Entitlement.State.ACTIVE:
        return complete(handover, entitlement, now=now)
    return handover


def complete(handover: Handover, entitlement: Entitlement, *, now: dt.datetime) -> Handover:
    """Move both entitlements; the caller holds the locks, and no licence is out any more."""
    assert handover.receiver is not None
    source = f"handover:{handover.pk}"
    handover.done_at = now
    if handover.kind == _Kind.LOAN:
        assert handover.days is not None
        handover.due_at = full_hour(now + dt.timedelta(days=handover.days))
        handover.child = licensing.lend(
            entitlement, to=handover.receiver, until=handover.due_at, source=source, now=now
        )
        handover.state = _State.LENT
    else:
        handover.child = licensing.pass_on(
            entitlement, to=handover.receiver, kind=handover.kind, source=source, now=now
        )
        handover.state = _State.DONE
        handover.closed_at = now
    handover.save(update_fields=["state", "child", "done_at", "due_at", "closed_at"])
    licensing.hold(entitlement, on=False)
    mails.mail_done(handover)
    return handover


def finish_return(handover: Handover, entitlement: Entitlement, *, now: dt.datetime) -> Handover:
    """End a loan; the caller holds the locks, and nothing plays at the borrower's any more."""
    assert handover.child_id is not None
    loan = licensing.lock(handover.child_id)
    source = f"handover:{handover.pk}:returned"
    is_back = licensing.give_back(giver=entitlement, loan=loan, source=source, now=now)
    handover.state = _State.RETURNED
    handover.closed_at = now
    handover.save(update_fields=["state", "closed_at"])
    if is_back:
        mails.mail_returned(handover)
    return handover


def full_hour(at: dt.datetime) -> dt.datetime:
    """`at`, rounded up: leases end on the hour, and none may outlive its loan."""
    seconds = -(-int(at.timestamp()) // _HOUR) * _HOUR
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)


def tell(user_id: uuid.UUID, kind: str = "") -> None:
    """Pages of `user_id` look again; seeders hear `kind`, where it is one for them."""
    group = messaging.user_group(user_id)
    if kind:
        messaging.publish(group=group, kind=kind, payload={})
    messaging.publish(group=group, kind="library.changed", payload={})


def _row_of(rows: list[Surrender], device: Device, word: str) -> Surrender:
    if not rows:
        raise HandoverNotFoundError(_("Nothing waits for this device."))
    try:
        key = IdentityPublicKey.from_bytes(from_b64u(device.identity_key))
        said = verify_surrender(word, identity_public=key)
    except DrmError as error:
        raise SurrenderRefusedError(str(error)) from error
    for row in rows:
        named = (str(row.handover_id), str(row.licence_id), document_hash(row.licence.jws))
        if (said.handover_id, said.licence_id, said.licence_hash) == named:
            return row
    raise SurrenderRefusedError(
        _("This is the word for another licence or handover. Ask what waits, and sign that.")
    )
