"""The shop's signing keys: one root, and under it the issuer that signs day by day.

Both are made at the first need. An issuer is replaced well before its certificate
ends; the old certificates stay in the shop document, since what was issued under them
stays valid (docs/format-v1.md).
"""

from __future__ import annotations

import datetime as dt

from django.db import IntegrityError, transaction
from django.utils import timezone

from drm.encoding import b64u, from_b64u
from drm.issuer import sign_issuer_certificate, verify_issuer_certificate
from drm.keys import IdentityKey, IdentityPublicKey
from marketplace.packaging.custody import open_identity_row, wrap_identity
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import SigningKey
from marketplace.packaging.types import Issuer

__all__ = ["issuer", "issuer_public", "shop_document_keys"]

LIFETIME = dt.timedelta(days=400)
RENEW_BEFORE_END = dt.timedelta(days=90)
BACKDATE = dt.timedelta(hours=1)  # a clock set back a little still signs in time
_Role = SigningKey.Role


def issuer(*, now: dt.datetime | None = None) -> Issuer:
    """The issuer that signs at `now` (by default the present); made or renewed where needed.

    Raises CustodyError where the master key does not open it.
    """
    now = now or timezone.now()
    row = _current(_Role.ISSUER)
    if row is None or _ends_soon(row, now):
        row = _renew(now)
    key = open_identity_row(row)
    return Issuer(kid=row.kid, key=key, certificate=row.certificate)


def issuer_public(kid: str) -> IdentityPublicKey:
    """The public key of an issuer of this shop, present or retired. Raises CustodyError."""
    row = SigningKey.objects.filter(role=_Role.ISSUER, kid=kid).first()
    if row is None:
        raise CustodyError(f"The database has no issuer key {kid}. Restore it from a backup.")
    return IdentityPublicKey.from_bytes(from_b64u(row.public_key))


def shop_document_keys() -> tuple[str, list[str]]:
    """The root's public key (base64url) and the certificates of all issuers, the newest first."""
    issuer()
    root = _root()
    rows = SigningKey.objects.filter(role=_Role.ISSUER).order_by("-created_at")
    return root.public_key, [row.certificate for row in rows]


def _current(role: SigningKey.Role) -> SigningKey | None:
    return SigningKey.objects.filter(role=role, retired_at__isnull=True).first()


def _root() -> SigningKey:
    """The root's row. Who makes it second, in a race, takes the first one's."""
    row = _current(_Role.ROOT)
    if row is None:
        try:
            with transaction.atomic():
                row = _store(_Role.ROOT, IdentityKey.generate())
        except IntegrityError:
            row = _current(_Role.ROOT)
            assert row is not None
    return row


@transaction.atomic
def _renew(now: dt.datetime) -> SigningKey:
    # Whoever renews holds the root's row, so that two do not renew after each other.
    root = SigningKey.objects.select_for_update().get(pk=_root().pk)
    present = _current(_Role.ISSUER)
    if present is not None and not _ends_soon(present, now):
        return present
    if present is not None:
        present.retired_at = now
        present.save(update_fields=["retired_at"])
    key = IdentityKey.generate()
    certificate = sign_issuer_certificate(
        root=open_identity_row(root),
        issuer_public=key.public,
        not_before=now - BACKDATE,
        not_after=now + LIFETIME,
    )
    return _store(_Role.ISSUER, key, certificate=certificate)


def _store(role: SigningKey.Role, key: IdentityKey, *, certificate: str = "") -> SigningKey:
    kid = key.public.thumbprint
    kept = wrap_identity(key, kid=kid)
    return SigningKey.objects.create(
        kid=kid,
        role=role,
        public_key=b64u(key.public.to_bytes()),
        wrapped=kept.wrapped,
        master=kept.master,
        certificate=certificate,
    )


def _ends_soon(row: SigningKey, now: dt.datetime) -> bool:
    root = IdentityPublicKey.from_bytes(from_b64u(_root().public_key))
    end = verify_issuer_certificate(row.certificate, root_public=root).not_after
    return end - now < RENEW_BEFORE_END
