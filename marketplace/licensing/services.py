"""Giving, taking back, and proving the right to open a package."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.utils import formats
from django.utils.translation import gettext as _

from drm.audit import LogProof
from drm.encoding import from_b64u
from drm.errors import DrmError, KeyMismatchError
from drm.keys import IdentityPublicKey, SealingPublicKey, verify_sealing_key
from drm.licence import DeviceKeys, issue_licence
from drm.rights import Rights
from drm.signed import document_hash
from drm.status import device_id, sign_status
from marketplace.accounts import queries as accounts
from marketplace.accounts.types import Device, User
from marketplace.licensing import auditing
from marketplace.licensing.errors import (
    EntitlementConflictError,
    KeyCommitmentError,
    LicenceNotFoundError,
)
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from marketplace.licensing.queries import entitlement_of
from marketplace.licensing.states import after
from marketplace.messaging import services as messaging
from marketplace.packaging import services as packaging

__all__ = [
    "audit_proof",
    "grant",
    "licence_for",
    "restore",
    "revoke",
    "signed_device_status",
    "signed_status",
]

logger = logging.getLogger(__name__)


@transaction.atomic
def grant(
    *,
    user: User,
    listing_id: uuid.UUID,
    package_id: str,
    order_id: uuid.UUID,
    rights: Mapping[str, bool],
    now: dt.datetime,
) -> Entitlement:
    """Let `user` open the package, because of this order.

    Granting an order again changes nothing and returns what it granted, also when that
    was taken back since. `rights` as in the licence ("play", "save"); what is absent is
    denied. Raises EntitlementConflictError where the order granted something else.
    """
    entitlement, created = Entitlement.objects.select_for_update().get_or_create(
        order_id=order_id,
        defaults={
            "user": user,
            "listing_id": listing_id,
            "package_id": package_id,
            "rights": Rights.from_claims(rights).to_claims(),
            "created_at": now,
        },
    )
    if not created:
        granted = (entitlement.user_id, entitlement.listing_id, entitlement.package_id)
        if granted != (user.pk, listing_id, package_id):
            raise EntitlementConflictError(
                _("This order was already fulfilled with something else. Nothing was changed.")
            )
        return entitlement
    _record(entitlement, None, EntitlementEvent.Kind.GRANTED, f"order:{order_id}", now=now)
    messaging.publish(group=messaging.user_group(user.pk), kind="library.changed", payload={})
    return entitlement


@transaction.atomic
def revoke(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """Take back what the order granted. `cause` names why, as "refund:<id of the refund>".

    The same cause counts once. Returns whether the entitlement ended by this call: False
    where it had ended before, or where the order never granted anything.
    """
    try:
        entitlement = Entitlement.objects.select_for_update().get(order_id=order_id)
    except Entitlement.DoesNotExist:
        return False
    source = f"order:{order_id}:{cause}"
    if EntitlementEvent.objects.filter(source=source).exists():
        return False
    before = entitlement.state
    _record(entitlement, before, EntitlementEvent.Kind.REFUNDED, source, now=now)
    if entitlement.state == before:
        return False
    group = messaging.user_group(entitlement.user_id)
    package = {"package": entitlement.package_id}
    messaging.publish(group=group, kind="licence.revoked", payload=package)
    messaging.publish(group=group, kind="library.changed", payload={})
    return True


@transaction.atomic
def restore(*, order_id: uuid.UUID, cause: str, now: dt.datetime) -> bool:
    """Give back what `revoke` took, because the refund never reached the buyer.

    The same cause counts once. Returns whether the entitlement came back by this call.
    """
    try:
        entitlement = Entitlement.objects.select_for_update().get(order_id=order_id)
    except Entitlement.DoesNotExist:
        return False
    source = f"order:{order_id}:{cause}"
    known = EntitlementEvent.objects.filter(source=source).exists()
    if known or entitlement.state == Entitlement.State.ACTIVE:
        return False
    kind = EntitlementEvent.Kind.RESTORED
    _record(entitlement, entitlement.state, kind, source, now=now)
    group = messaging.user_group(entitlement.user_id)
    messaging.publish(group=group, kind="library.changed", payload={})
    return True


@transaction.atomic
def licence_for(*, user: User, device: Device, package_id: str, now: dt.datetime) -> Licence:
    """The licence by which `device` opens the package; asked again, the same bytes.

    A device that came back with a new sealing key gets its licence sealed anew. Raises
    EntitlementNotFoundError, EntitlementRevokedError, accounts' DeviceNotFoundError where
    the device is removed or another's, KeyCommitmentError where custody is damaged.
    """
    # The entitlement's row is the lock: two requests of one device issue one licence.
    entitlement = entitlement_of(user, package_id, lock=True)
    active = accounts.device(user, device.pk)
    licence = Licence.objects.filter(entitlement=entitlement, device=active).first()
    if licence is not None and licence.sealing_key == active.sealing_key:
        return licence
    if licence is None:
        licence = Licence(entitlement=entitlement, device=active)
    licence.jws = _issue(licence.pk, entitlement, active, now=now)
    licence.sealing_key = active.sealing_key
    licence.issued_at = now
    licence.save()
    named = {"licence": str(licence.pk), "hash": document_hash(licence.jws)}
    auditing.record(kind="licence", body=named, now=now)
    return licence


def audit_proof(*, user: User, device: Device, licence_id: uuid.UUID) -> LogProof:
    """That the audit log names this device's licence, under a signed head.

    Raises LicenceNotFoundError, ProofNotReadyError until a head covers it.
    """
    return auditing.proof_of(_own_licence(user, device, licence_id))


def _own_licence(user: User, device: Device, licence_id: uuid.UUID) -> Licence:
    try:
        return Licence.objects.select_related("entitlement").get(
            pk=licence_id, device_id=device.pk, entitlement__user_id=user.pk
        )
    except Licence.DoesNotExist:
        raise LicenceNotFoundError(_("There is no such licence for this device.")) from None


def signed_status(*, device: Device, licence_id: uuid.UUID, nonce: str, now: dt.datetime) -> str:
    """What the shop says of a licence now, signed over the asker's nonce: a JWS.

    Only the key it was issued to may ask, also after its device was removed: all its
    licences are revoked then. Raises LicenceNotFoundError.
    """
    try:
        licence = Licence.objects.select_related("entitlement", "device").get(
            pk=licence_id, device__thumbprint=device.thumbprint
        )
    except Licence.DoesNotExist:
        raise LicenceNotFoundError(_("There is no such licence for this device.")) from None
    last = licence.entitlement.events.order_by("id").last()
    changed = max(last.at if last is not None else licence.issued_at, licence.issued_at)
    # Both change the word: only their sum grows with each change of either.
    sequence = licence.entitlement.sequence + _device_sequence(licence.device)
    word = _Word(_("This licence is valid."), changed, sequence)
    if licence.entitlement.state != Entitlement.State.ACTIVE:
        word = _Word(_revoked_message(changed), changed, sequence, "refund")
    elif licence.device.removed_at is not None:
        word = _removed_word(licence.device.removed_at, sequence)
    return _signed(str(licence.pk), word, nonce=nonce, now=now)


def signed_device_status(*, device: Device, nonce: str, now: dt.datetime) -> str:
    """What the shop says of the device that asks, signed over its nonce: a JWS."""
    sequence = _device_sequence(device)
    word = _Word(_("This device is logged in."), device.registered_at, sequence)
    if device.removed_at is not None:
        word = _removed_word(device.removed_at, sequence)
    return _signed(device_id(device.thumbprint), word, nonce=nonce, now=now)


@dataclass(frozen=True, slots=True)
class _Word:
    message: str
    updated: dt.datetime
    sequence: int
    reason: str = ""  # why it ended; "" while it stands


def _removed_word(at: dt.datetime, sequence: int) -> _Word:
    message = _("This device was removed from the account. Log it in again to use it.")
    return _Word(message, at, sequence, "device_removed")


def _signed(subject: str, word: _Word, *, nonce: str, now: dt.datetime) -> str:
    issuer = packaging.issuer()
    return sign_status(
        issuer=issuer.key,
        kid=issuer.kid,
        licence_id=subject,
        status="revoked" if word.reason else "active",
        message=word.message,
        now=now,
        updated=word.updated,
        nonce=nonce,
        sequence=word.sequence,
        reason=word.reason,
    )


def _device_sequence(device: Device) -> int:
    return _milliseconds(device.removed_at or device.registered_at)


def _milliseconds(at: dt.datetime) -> int:
    """Whole milliseconds since 1970."""
    return int(at.timestamp() * 1000)


def _record(
    entitlement: Entitlement, state: str | None, kind: str, source: str, *, now: dt.datetime
) -> None:
    """Write an event and the state that it leads to; the caller holds the row's lock."""
    entitlement.state = after(state, kind)
    EntitlementEvent.objects.create(entitlement=entitlement, kind=kind, source=source, at=now)
    entitlement.sequence = max(entitlement.sequence + 1, _milliseconds(now))
    entitlement.save(update_fields=["state", "sequence"])
    auditing.record(kind=kind, body={"entitlement": str(entitlement.pk)}, now=now)


def _issue(
    licence_id: uuid.UUID, entitlement: Entitlement, device: Device, *, now: dt.datetime
) -> str:
    package_id = entitlement.package_id
    manifest = packaging.manifest(package_id)
    issuer = packaging.issuer()
    try:
        # It checks the key against the manifest's commitment: a licence with another key
        # would open nothing, or, worse, something else.
        return issue_licence(
            issuer=issuer.key,
            kid=issuer.kid,
            licence_id=str(licence_id),
            issuer_name=settings.SITE_URL,
            device=_keys_of(device),
            subject=_pseudonym(entitlement.user_id),
            package_id=package_id,
            manifest=manifest,
            version=manifest.version,
            rights=Rights.from_claims(entitlement.rights),
            key=packaging.content_key(package_id),
            now=now,
            links={"status": f"{settings.SITE_URL}/api/v1/licences/{licence_id}/status"},
        )
    except KeyMismatchError as error:
        logger.exception("the key in custody is not that of package %s", package_id)
        raise KeyCommitmentError(
            _(
                "The key of this item is damaged in the shop's custody. The operator must restore it."
            )
        ) from error


def _keys_of(device: Device) -> DeviceKeys:
    """The device's keys as they were proved at its login; a row that was altered is refused."""
    try:
        identity = IdentityPublicKey.from_bytes(from_b64u(device.identity_key))
        sealing = SealingPublicKey(from_b64u(device.sealing_key), device.sealing_suite)
        verify_sealing_key(identity, sealing, from_b64u(device.sealing_key_signature))
    except DrmError as error:
        raise KeyCommitmentError(
            _("The keys of this device are damaged in the shop. Log the device in again.")
        ) from error
    return DeviceKeys(identity_public=identity, sealing_public=sealing)


def _pseudonym(user_id: uuid.UUID) -> str:
    # Licences leave the shop: they say that two belong to one buyer, not who that is.
    return uuid.uuid5(user_id, "licence subject").hex


def _revoked_message(at: dt.datetime) -> str:
    return _(
        "This purchase was refunded on %(date)s, so it does not open any more. "
        "Buy it again to open it."
    ) % {"date": formats.date_format(at, "DATE_FORMAT")}
