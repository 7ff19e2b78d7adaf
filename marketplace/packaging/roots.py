"""The shop's side of an offline root: asking it, taking in what it signed, letting go of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from pathlib import Path

from django.conf import settings
from django.db import transaction

from drm.audit import Head, verify_checkpoint
from drm.encoding import b64u, from_b64u
from drm.errors import DrmError
from drm.issuer import (
    IssuerCertificate,
    Keyring,
    RootChange,
    verify_keyring,
    verify_root_change,
)
from drm.keys import IdentityKey, IdentityPublicKey
from marketplace.packaging.ceremony import Answer, LogState, Request, Wanted, sign_request
from marketplace.packaging.custody import hold_custody, open_identity_row
from marketplace.packaging.errors import RootRefusedError
from marketplace.packaging.keyrings import checkpoint, current_root, keep, next_sequence
from marketplace.packaging.models import RootDocument, SigningKey
from marketplace.packaging.root_file import read_root, remember_signing, write_root
from marketplace.packaging.signing import BACKDATE, LIFETIME, STEP, store_issuer

__all__ = ["accept_answer", "export_root", "make_request", "wipe_root"]

_Kind = RootDocument.Kind
CheckLog = Callable[[Head], None]


@transaction.atomic
def make_request(
    *, count: int, retire: Sequence[str], log: LogState | None, now: dt.datetime
) -> Request:
    """What to ask the root: `count` new issuer keys, one after the other, and a checkpoint.

    The private parts are made and stay here; those of a request that was never answered are
    asked for again. Raises RootRefusedError where `retire` names a key that is none.
    """
    root = current_root()
    known = SigningKey.objects.filter(role=SigningKey.Role.ISSUER)
    certified = known.exclude(certificate="").order_by("-starts_at", "-created_at")
    retired = {row.kid: row.retired_at for row in certified if row.retired_at is not None}
    if unknown := set(retire) - {row.kid for row in certified}:
        raise RootRefusedError(f"This shop has no issuer key {min(unknown)}. Run: root status")
    retired |= {kid: now for kid in retire if kid not in retired}
    waiting = list(known.filter(certificate="", has_private=True).order_by("created_at", "kid"))
    rows = [*waiting, *(store_issuer(IdentityKey.generate()) for _ in range(len(waiting), count))]
    begins = _first_begin([row for row in certified if row.kid not in retired], now)
    return Request(
        shop=settings.SITE_URL,
        made_at=now,
        root=root.kid if root is not None else "",
        sequence=next_sequence(_Kind.KEYRING),
        change_sequence=next_sequence(_Kind.CHANGE),
        certificates=tuple(row.certificate for row in certified),
        retired=retired,
        wanted=tuple(
            Wanted(
                public=IdentityPublicKey.from_bytes(from_b64u(row.public_key)),
                begins=begins + place * STEP - BACKDATE,
                ends=begins + place * STEP + LIFETIME,
            )
            for place, row in enumerate(rows[:count])
        ),
        log=log,
        checkpoint=checkpoint(),
    )


def _first_begin(usable: Sequence[SigningKey], now: dt.datetime) -> dt.datetime:
    """When the first new key takes over: at once where none covers the present."""
    spans = [(row.starts_at, row.ends_at) for row in usable if row.starts_at and row.ends_at]
    if not any(start <= now <= end for start, end in spans):
        return now
    return max(max(end for _start, end in spans) - (LIFETIME - STEP), now)


@transaction.atomic
def accept_answer(given: Answer, *, check_log: CheckLog, now: dt.datetime) -> Keyring:
    """Verify everything that the root signed, then keep it all; or keep nothing.

    `check_log` raises where a checkpoint is not of this shop's log. Raises RootRefusedError.
    """
    # Held to the end, so that two who accept, renew or rotate go one after the other.
    hold_custody()
    present = current_root()
    try:
        root, change = _next_root(given, present)
        keyring = verify_keyring(given.keyring, root_public=root)
        head = verify_checkpoint(given.checkpoint, root_public=root) if given.checkpoint else None
    except DrmError as error:
        raise RootRefusedError(f"The answer was not taken in. {error}") from error
    _require_newer(keyring)
    rows = _require_all_keys(keyring)
    if head is not None:
        check_log(head)
    if present is None or change is not None:
        _install_root(present, root, now=now)
    if change is not None:
        old = change.old.thumbprint
        keep(_Kind.CHANGE, given.change, root=old, sequence=change.sequence, now=now)
    for certificate, text in zip(keyring.issuers, keyring.certificates, strict=True):
        row = rows[certificate.kid]
        if row.certificate == "":
            row.starts_at = certificate.not_before + BACKDATE
        row.certificate = text
        row.ends_at = certificate.not_after
        row.retired_at = row.retired_at or keyring.retired.get(certificate.kid)
        row.save()
    kid = root.thumbprint
    keep(_Kind.KEYRING, given.keyring, root=kid, sequence=keyring.sequence, now=now)
    if head is not None:
        keep(_Kind.CHECKPOINT, given.checkpoint, root=kid, sequence=head.tree_size, now=now)
    return keyring


def _next_root(
    given: Answer, present: SigningKey | None
) -> tuple[IdentityPublicKey, RootChange | None]:
    root = IdentityPublicKey.from_bytes(from_b64u(given.root_key))
    if present is None or present.kid == root.thumbprint:
        return root, None
    if not given.change:
        raise RootRefusedError(
            f"The answer is of the root {root.thumbprint}, and this shop has {present.kid}. "
            "Nothing was changed. To change the root: manage.py root change"
        )
    old = IdentityPublicKey.from_bytes(from_b64u(present.public_key))
    change = verify_root_change(given.change, root_public=old)
    if change.new != root or change.sequence < next_sequence(_Kind.CHANGE):
        raise RootRefusedError("The change of the root is an older one, or of another root.")
    return root, change


def _require_all_keys(keyring: Keyring) -> dict[str, SigningKey]:
    """Every certified key is still listed, with no less time, and no key is a stranger's."""
    rows = {row.kid: row for row in SigningKey.objects.filter(role=SigningKey.Role.ISSUER)}
    listed = {certificate.kid: certificate for certificate in keyring.issuers}
    if strangers := set(listed) - set(rows):
        raise RootRefusedError(
            f"The root certified {min(strangers)}, a key that this shop does not have: whoever "
            "has it could sign for the shop. Nothing was taken in."
        )
    for kid, row in rows.items():
        if row.certificate and (kid not in listed or _narrower(listed[kid], row)):
            raise RootRefusedError(
                f"The issuer key {kid} is missing from the keyring, or has lost some of its time: "
                "licences that it signed would die. Make a new request."
            )
        if row.retired_at is not None and kid not in keyring.retired:
            raise RootRefusedError(f"The issuer key {kid} was retired meanwhile. Ask again.")
    return rows


def _require_newer(keyring: Keyring) -> None:
    held = next_sequence(_Kind.KEYRING) - 1
    if keyring.sequence <= held:
        raise RootRefusedError(
            f"This answer has keyring {keyring.sequence}, and the shop has {held} already: it "
            "was taken in before, or is an old one. For a new one: manage.py root request"
        )


def _narrower(certificate: IssuerCertificate, row: SigningKey) -> bool:
    # The column may hold fractions of a second, which a certificate does not.
    ends = row.ends_at.replace(microsecond=0) if row.ends_at is not None else None
    return ends is not None and certificate.not_after < ends


def _install_root(present: SigningKey | None, root: IdentityPublicKey, *, now: dt.datetime) -> None:
    if present is not None:
        present.retired_at = now
        present.wrapped, present.master, present.has_private = b"", "", False
        present.save()
    SigningKey.objects.create(
        kid=root.thumbprint,
        role=SigningKey.Role.ROOT,
        public_key=b64u(root.to_bytes()),
        has_private=False,
    )


def export_root(path: Path, *, passphrase: str) -> SigningKey:
    """Write the root's private key into a new file. It stays in the database, too.

    Raises RootRefusedError where it is not in the database, or the file exists.
    """
    root = _root_in_database()
    write_root(path, open_identity_row(root), passphrase=passphrase)
    return root


@transaction.atomic
def wipe_root(
    path: Path,
    *,
    passphrase: str,
    count: int,
    log: LogState | None,
    check_log: CheckLog,
    now: dt.datetime,
) -> Keyring:
    """Take the root's private key out of the database, once `path` was opened and holds it.

    With its last signature here it certifies `count` issuers ahead, so that the shop does
    not need it for years. Raises RootRefusedError, CustodyError.
    """
    root = _root_in_database()
    key = read_root(path, passphrase=passphrase)
    if key != open_identity_row(root):
        raise RootRefusedError(f"{path} holds another root key than the database. Export it first.")
    request = make_request(count=count, retire=(), log=log, now=now)
    answer = sign_request(request, root=key, now=now)
    keyring = accept_answer(answer, check_log=check_log, now=now)
    # Or the file's next signing would miss what this one has signed of the log.
    remember_signing(path, request=request, answer=answer, now=now)
    SigningKey.objects.filter(pk=root.pk).update(wrapped=b"", master="", has_private=False)
    return keyring


def _root_in_database() -> SigningKey:
    root = current_root()
    if root is None:
        raise RootRefusedError("This shop has no root key yet. Begin with: manage.py root create")
    if not root.has_private:
        raise RootRefusedError("The root key is offline already: the database has its public part.")
    return root
