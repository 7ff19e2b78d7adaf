"""Licences of devices, sealed to their keys."""

from __future__ import annotations

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from drm.encoding import from_b64u
from drm.errors import DrmError, KeyMismatchError
from drm.keys import IdentityPublicKey, SealingPublicKey, verify_sealing_key
from drm.licence import DeviceKeys, issue_licence
from drm.signed import document_hash, key_hint
from marketplace.accounts import queries as accounts
from marketplace.accounts.types import Device, User
from marketplace.licensing import auditing
from marketplace.licensing.errors import KeyCommitmentError, LicenceNotFoundError
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from marketplace.licensing.queries import entitlement_of
from marketplace.licensing.terms import require_free, rights_of
from marketplace.packaging import services as packaging

__all__ = ["keys_of", "licence_for", "own_licence"]

logger = logging.getLogger(__name__)


@transaction.atomic
def licence_for(*, user: User, device: Device, package_id: str, now: dt.datetime) -> Licence:
    """The licence by which `device` opens the package; asked again, the same bytes.

    A device that came back with a new sealing key gets its licence sealed anew, and so does one
    that asks again once the licence's issuer is retired. Raises
    EntitlementNotFoundError, EntitlementRevokedError, accounts' DeviceNotFoundError where
    the device is removed or another's, HandingOverError for a new one while it is handed
    over, KeyCommitmentError where custody is damaged.
    """
    # The entitlement's row is the lock: two requests of one device issue one licence.
    entitlement = entitlement_of(user, package_id, lock=True, now=now)
    active = accounts.device(user, device.pk)
    licence = Licence.objects.filter(
        entitlement=entitlement, package_id=package_id, device=active, surrendered_at=None
    ).first()
    if licence is not None and _still_says_it(licence, active) and not _is_outlived(licence, now):
        return licence
    require_free(entitlement)
    if licence is None:
        licence = Licence(entitlement=entitlement, package_id=package_id, device=active)
    licence.jws = _issue(licence, active, now=now)
    licence.sealing_key = active.sealing_key
    licence.issued_at = now
    licence.save()
    named = {"licence": str(licence.pk), "hash": document_hash(licence.jws)}
    auditing.record(kind="licence", body=named, now=now)
    return licence


def own_licence(user: User, device: Device, licence_id: uuid.UUID) -> Licence:
    try:
        return Licence.objects.select_related("entitlement").get(
            pk=licence_id, device_id=device.pk, entitlement__user_id=user.pk
        )
    except Licence.DoesNotExist:
        raise LicenceNotFoundError(_("There is no such licence for this device.")) from None


def _still_says_it(licence: Licence, device: Device) -> bool:
    """Whether it is sealed to the device's present key, and names the present end."""
    renewed = EntitlementEvent.objects.filter(
        entitlement_id=licence.entitlement_id,
        kind=EntitlementEvent.Kind.EXTENDED,
        at__gt=licence.issued_at,
    )
    outdated = _end_of(licence.entitlement) is not None and renewed.exists()
    return licence.sealing_key == device.sealing_key and not outdated


def _is_outlived(licence: Licence, now: dt.datetime) -> bool:
    """Whether its issuer signs no more: a device that asks for it anew would not believe it."""
    return packaging.is_replaced(key_hint(licence.jws), now=now)


def _end_of(entitlement: Entitlement) -> dt.datetime | None:
    """The end that the licence itself names: none where leases tell it, as it may move."""
    leased = rights_of(entitlement).lease is not None
    moves = leased and entitlement.kind != Entitlement.Kind.RENTAL
    return None if moves else entitlement.expires_at


def _issue(licence: Licence, device: Device, *, now: dt.datetime) -> str:
    entitlement, package_id, licence_id = licence.entitlement, licence.package_id, licence.pk
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
            device=keys_of(device),
            subject=_pseudonym(entitlement.user_id),
            package_id=package_id,
            manifest=manifest,
            version=manifest.version,
            rights=rights_of(entitlement),
            key=packaging.content_key(package_id),
            now=now,
            expires=_end_of(entitlement),
            links={"status": f"{settings.SITE_URL}/api/v1/licences/{licence_id}/status"},
        )
    except KeyMismatchError as error:
        logger.exception("the key in custody is not that of package %s", package_id)
        raise KeyCommitmentError(
            _(
                "The key of this item is damaged in the shop's custody. The operator must restore it."
            )
        ) from error


def keys_of(device: Device) -> DeviceKeys:
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
