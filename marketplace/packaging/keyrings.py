"""What the shop's root signed besides certificates: keyrings, root changes, checkpoints.

With the root's private key in the database they are signed here when something changes;
with an offline root they come through `manage.py root accept`.
"""

from __future__ import annotations

import datetime as dt

from django.db import transaction
from django.db.models import Max

from drm.audit import sign_checkpoint
from drm.issuer import sign_keyring
from drm.keys import IdentityKey
from marketplace.packaging.custody import open_identity_row
from marketplace.packaging.models import RootDocument, SigningKey

__all__ = [
    "checkpoint",
    "checkpoints",
    "current_root",
    "ensure_keyring",
    "keep",
    "keyring",
    "root_changes",
    "sign_own_checkpoint",
    "write_keyring",
]

_Kind = RootDocument.Kind


def current_root() -> SigningKey | None:
    """The root that this shop has now; None before the first key was needed."""
    return SigningKey.objects.filter(role=SigningKey.Role.ROOT, retired_at__isnull=True).first()


def keyring() -> str:
    """The newest keyring of the present root, a JWS; "" where it signed none yet."""
    return _newest(_Kind.KEYRING)


def checkpoint() -> str:
    """The newest checkpoint of the present root, a JWS; "" where it signed none yet."""
    return _newest(_Kind.CHECKPOINT)


def checkpoints() -> list[tuple[int, str, str]]:
    """Every checkpoint of every root: size of the log, JWS, and the root's public key."""
    roots = dict(
        SigningKey.objects.filter(role=SigningKey.Role.ROOT).values_list("kid", "public_key")
    )
    rows = RootDocument.objects.filter(kind=_Kind.CHECKPOINT)
    return [(row.sequence, row.jws, roots.get(row.root, "")) for row in rows]


def root_changes() -> list[str]:
    """Every change of this shop's root, the first one first."""
    rows = RootDocument.objects.filter(kind=_Kind.CHANGE).order_by("sequence")
    return [row.jws for row in rows]


def next_sequence(kind: RootDocument.Kind) -> int:
    """What the next document of this kind is numbered: it grows over all roots."""
    highest = RootDocument.objects.filter(kind=kind).aggregate(highest=Max("sequence"))["highest"]
    return 1 if highest is None else int(highest) + 1


def keep(kind: RootDocument.Kind, jws: str, *, root: str, sequence: int, now: dt.datetime) -> None:
    """Store what the root `root` (thumbprint) signed; the same again changes nothing."""
    RootDocument.objects.get_or_create(
        kind=kind, root=root, sequence=sequence, defaults={"jws": jws, "created_at": now}
    )


def write_keyring(root: IdentityKey, *, now: dt.datetime) -> str:
    """Sign the list of all issuers as they are; the caller holds the root's row."""
    rows = SigningKey.objects.filter(role=SigningKey.Role.ISSUER).exclude(certificate="")
    rows = rows.order_by("-starts_at", "-created_at")
    sequence = next_sequence(_Kind.KEYRING)
    jws = sign_keyring(
        root=root,
        sequence=sequence,
        issuers=[row.certificate for row in rows],
        retired={row.kid: row.retired_at for row in rows if row.retired_at is not None},
        now=now,
    )
    keep(_Kind.KEYRING, jws, root=root.public.thumbprint, sequence=sequence, now=now)
    return jws


@transaction.atomic
def ensure_keyring(root: SigningKey, *, now: dt.datetime) -> None:
    """Sign the first keyring of a shop that is older than keyrings, where its root is here."""
    if not root.has_private or keyring():
        return
    held = SigningKey.objects.select_for_update().get(pk=root.pk)
    if not keyring():
        write_keyring(open_identity_row(held), now=now)


def sign_own_checkpoint(*, tree_size: int, root: bytes, chain: bytes, now: dt.datetime) -> str:
    """Sign a checkpoint of the audit log where the root's private key is here; "" elsewhere.

    Raises CustodyError where the master key does not open it.
    """
    row = current_root()
    if row is None or not row.has_private:
        return ""
    key = open_identity_row(row)
    jws = sign_checkpoint(shop_root=key, tree_size=tree_size, root=root, chain=chain, now=now)
    keep(_Kind.CHECKPOINT, jws, root=row.kid, sequence=tree_size, now=now)
    return jws


def _newest(kind: RootDocument.Kind) -> str:
    root = current_root()
    if root is None:
        return ""
    row = RootDocument.objects.filter(kind=kind, root=root.kid).order_by("sequence").last()
    return row.jws if row is not None else ""
