"""The authority of each package's closed swarm, and the certificates that it gives."""

from __future__ import annotations

import datetime as dt
from typing import Final

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from drm.errors import DrmError
from drm.keys import IdentityKey
from drm.swarm_authority import MemberCertificate, create_authority, issue_certificate
from marketplace.accounts import queries as accounts
from marketplace.accounts.types import Device, User
from marketplace.distribution.errors import CertificateRequestError, OpenSwarmError
from marketplace.distribution.models import SwarmAuthority, SwarmMember, Torrent
from marketplace.licensing import queries as licensing
from marketplace.packaging import services as packaging

__all__ = ["CERTIFICATE_LIFETIME", "authority_of", "certificate_for", "certificate_for_origin"]

# Nobody reads revocation lists: this is how long one that was put out can come back.
CERTIFICATE_LIFETIME: Final = dt.timedelta(hours=1)


def authority_of(package_id: str, *, now: dt.datetime) -> SwarmAuthority:
    """The authority of a package, made when it is first asked for."""
    found = SwarmAuthority.objects.filter(package_id=package_id).first()
    if found is not None:
        return found
    key = IdentityKey.generate()
    row = SwarmAuthority(package_id=package_id, created_at=now)
    row.certificate = create_authority(key, package_id=package_id, now=now)
    try:
        with transaction.atomic():
            kept = packaging.wrap_deposit(key.to_bytes(), context=row.custody_context)
            row.wrapped, row.master = kept
            row.save(force_insert=True)
    except IntegrityError:
        # Another process was faster.
        return SwarmAuthority.objects.get(package_id=package_id)
    return row


def certificate_for(
    *, user: User, device: Device, package_id: str, request: str, now: dt.datetime
) -> MemberCertificate:
    """A certificate for the key in `request` (PKCS #10, PEM) of a device of `user`.

    Raises licensing's EntitlementNotFoundError and its kin, accounts' DeviceNotFoundError,
    OpenSwarmError where the swarm needs none, CertificateRequestError.
    """
    licensing.entitlement_of(user, package_id)
    active = accounts.device(user, device.pk)
    issued = _issue(package_id, request, now=now)
    # Who was let in is written down: when the right ends, the others are told to cut.
    SwarmMember.objects.update_or_create(
        package_id=package_id,
        device=active,
        defaults={"expires_at": issued.expires_at, "put_out_at": None},
    )
    return issued


def certificate_for_origin(*, package_id: str, request: str, now: dt.datetime) -> MemberCertificate:
    """A certificate for the platform's own seeder. Raises OpenSwarmError."""
    return _issue(package_id, request, now=now)


def _issue(package_id: str, request: str, *, now: dt.datetime) -> MemberCertificate:
    if not Torrent.objects.filter(package_id=package_id, closed=True).exists():
        raise OpenSwarmError(_("This item is shared openly; its swarm needs no certificate."))
    authority = authority_of(package_id, now=now)
    key = IdentityKey(packaging.open_deposit(authority))
    try:
        return issue_certificate(
            request, key=key, package_id=package_id, now=now, lifetime=CERTIFICATE_LIFETIME
        )
    except DrmError as error:
        raise CertificateRequestError(str(error)) from None
