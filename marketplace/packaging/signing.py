"""The shop's issuer keys: the one that signs today, those that follow, and those before.

With the root's private key in the database, issuer and root are made at the first need,
and an issuer is replaced well before its certificate ends. With the root kept offline it has
certified several issuers ahead, each with its time, and they take over from each other by
themselves. Old certificates stay in the keyring, since what was issued under them stays
valid (docs/format-v1.md, section 16).
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from drm.encoding import b64u, from_b64u
from drm.issuer import IssuerCertificate, sign_issuer_certificate, verify_issuer_certificate
from drm.keys import IdentityKey, IdentityPublicKey
from marketplace.packaging.custody import open_identity_row, wrap_identity
from marketplace.packaging.errors import CustodyError, NoIssuerError
from marketplace.packaging.keyrings import current_root, ensure_keyring, write_keyring
from marketplace.packaging.models import SigningKey
from marketplace.packaging.types import Issuer

__all__ = [
    "BACKDATE",
    "LIFETIME",
    "STEP",
    "WARN_BEFORE_END",
    "certified_until",
    "is_replaced",
    "issuer",
    "issuer_certificate",
    "issuer_public",
    "shop_document_keys",
    "store_issuer",
    "warn_of_end",
]

logger = logging.getLogger(__name__)

LIFETIME = dt.timedelta(days=400)
RENEW_BEFORE_END = dt.timedelta(days=90)
STEP = LIFETIME - RENEW_BEFORE_END  # from the start of one issuer to that of the next
BACKDATE = dt.timedelta(hours=1)  # a clock set back a little still signs in time
WARN_BEFORE_END = dt.timedelta(days=120)
_Role = SigningKey.Role


def issuer(*, now: dt.datetime | None = None) -> Issuer:
    """The issuer that signs at `now` (by default the present); made or renewed where needed.

    Raises NoIssuerError where none is certified for that time and the root is not here to
    certify one; CustodyError where the master key does not open it.
    """
    now = now or timezone.now()
    row = _current(now)
    if row is None or _ends_soon(row, now):
        row = _renewed(now) or row
    if row is None or not _covers(row, now):
        raise NoIssuerError(
            _(
                "No key of this shop may sign licences now: the last certificate has ended."
                " Let the offline root sign new ones: manage.py root request FILE"
            )
        )
    key = open_identity_row(row)
    return Issuer(kid=row.kid, key=key, certificate=row.certificate)


def issuer_public(kid: str) -> IdentityPublicKey:
    """The public key of an issuer of this shop, present or retired. Raises CustodyError."""
    return IdentityPublicKey.from_bytes(from_b64u(_row(kid).public_key))


def issuer_certificate(kid: str) -> IssuerCertificate:
    """What the root says of an issuer of this shop. Raises CustodyError, drm's errors."""
    root = current_root()
    if root is None:
        raise CustodyError("The database has no root key. Restore it from a backup.")
    public = IdentityPublicKey.from_bytes(from_b64u(root.public_key))
    return verify_issuer_certificate(_row(kid).certificate, root_public=public)


def is_replaced(kid: str, *, now: dt.datetime) -> bool:
    """Whether that issuer signs no more, while another one can."""
    row = SigningKey.objects.filter(role=_Role.ISSUER, kid=kid).first()
    retired = row is None or row.retired_at is not None or not _covers(row, now)
    if not retired:
        return False
    try:
        return issuer(now=now).kid != kid
    except CustodyError:
        return False


def shop_document_keys() -> tuple[str, list[str]]:
    """The root's public key (base64url) and the certificates of all issuers, the newest first.

    They are told as long as there are any: what was bought opens when nothing can be issued.
    """
    try:
        issuer()
    except NoIssuerError:
        logger.exception("no issuer key is certified: nothing can be issued")
    root = _root()
    ensure_keyring(root, now=timezone.now())
    rows = _certified().order_by("-starts_at", "-created_at")
    return root.public_key, [row.certificate for row in rows]


def certified_until(*, now: dt.datetime) -> dt.datetime | None:
    """When the shop can issue no more unless the root signs; None where it never ends,
    since the root's private key is here. `now` where nothing is certified."""
    root = current_root()
    if root is None or root.has_private:
        return None
    ends = [row.ends_at for row in _usable() if row.ends_at is not None]
    return max([now, *ends])


def warn_of_end(*, now: dt.datetime) -> None:
    """Tell the log, ahead of time, that the offline root has to sign new issuer keys."""
    until = certified_until(now=now)
    if until is not None and until - now < WARN_BEFORE_END:
        logger.warning(
            "the last issuer key ends on %s, and nothing can be issued after that: "
            "let the offline root sign new ones (manage.py root request FILE)",
            until.date(),
        )


def store_issuer(key: IdentityKey) -> SigningKey:
    """Keep a new issuer key that the root has not certified yet."""
    return _store(_Role.ISSUER, key)


def _row(kid: str) -> SigningKey:
    row = SigningKey.objects.filter(role=_Role.ISSUER, kid=kid).first()
    if row is None:
        raise CustodyError(f"The database has no issuer key {kid}. Restore it from a backup.")
    return row


def _certified() -> QuerySet[SigningKey]:
    return SigningKey.objects.filter(role=_Role.ISSUER).exclude(certificate="")


def _usable() -> QuerySet[SigningKey]:
    return _certified().filter(retired_at__isnull=True, has_private=True)


def _current(now: dt.datetime) -> SigningKey | None:
    started = _usable().filter(starts_at__lte=now).order_by("-starts_at").first()
    # A clock that was set back finds none that has started: the first one signs.
    return started or _usable().order_by("starts_at").first()


def _root() -> SigningKey:
    """The root's row. Who makes it second, in a race, takes the first one's."""
    row = current_root()
    if row is None:
        try:
            with transaction.atomic():
                row = _store(_Role.ROOT, IdentityKey.generate())
        except IntegrityError:
            row = current_root()
            assert row is not None
    return row


@transaction.atomic
def _renewed(now: dt.datetime) -> SigningKey | None:
    """A new issuer in the place of one that ends soon; None where the root is offline."""
    # Whoever renews holds the root's row, so that two do not renew after each other.
    root = SigningKey.objects.select_for_update().get(pk=_root().pk)
    if not root.has_private:
        return None
    present = _current(now)
    if present is not None and not _ends_soon(present, now):
        return present
    if present is not None:
        present.retired_at = now
        present.save(update_fields=["retired_at"])
    key, root_key = IdentityKey.generate(), open_identity_row(root)
    certificate = sign_issuer_certificate(
        root=root_key,
        issuer_public=key.public,
        not_before=now - BACKDATE,
        not_after=now + LIFETIME,
    )
    row = _store(_Role.ISSUER, key, certificate=certificate, starts_at=now, ends_at=now + LIFETIME)
    write_keyring(root_key, now=now)
    return row


def _store(role: SigningKey.Role, key: IdentityKey, **fields: object) -> SigningKey:
    kid = key.public.thumbprint
    kept = wrap_identity(key, kid=kid)
    return SigningKey.objects.create(
        kid=kid,
        role=role,
        public_key=b64u(key.public.to_bytes()),
        wrapped=kept.wrapped,
        master=kept.master,
        **fields,
    )


def _covers(row: SigningKey, now: dt.datetime) -> bool:
    """Whether the root vouches for what the row's key signs now."""
    if row.starts_at is None or row.ends_at is None or row.ends_at < now:
        return False
    root = current_root()
    # A key of a root that is here was made when it was needed: a clock was set back.
    return row.starts_at - BACKDATE <= now or (root is not None and root.has_private)


def _ends_soon(row: SigningKey, now: dt.datetime) -> bool:
    return row.ends_at is None or row.ends_at - now < RENEW_BEFORE_END
