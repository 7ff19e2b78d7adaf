"""The master key on its way into a backup and back: in a box that the operator's passphrase opens."""

from __future__ import annotations

import hashlib
import os
import secrets

from django.utils.translation import gettext as _

from drm.errors import DrmError
from drm.escrow import MINIMUM_PASSPHRASE, lock, unlock
from marketplace.packaging.custody import master_key, master_key_path
from marketplace.packaging.errors import CustodyError

__all__ = [
    "fingerprint_of_box",
    "lock_master_key",
    "master_key_fingerprint",
    "unlock_master_key",
]


def lock_master_key(*, passphrase: str) -> bytes:
    """The master key as a box (docs/format-v1.md, "Escrow"). Raises CustodyError if too short."""
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise CustodyError(
            _("The passphrase needs at least %(count)d characters. Choose a longer one.")
            % {"count": MINIMUM_PASSPHRASE}
        )
    return lock(master_key(), passphrase=passphrase)


def unlock_master_key(box: bytes, *, passphrase: str) -> None:
    """Write the master key in `box` to its file, which must not exist yet.

    Raises CustodyError where the passphrase is another one, and FileExistsError.
    """
    key = _open(box, passphrase)
    path = master_key_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(key.hex())
            file.flush()
            os.fsync(file.fileno())
        # link() fails where a key is already there: nothing is ever overwritten.
        os.link(draft, path)
    finally:
        draft.unlink()


def master_key_fingerprint() -> str:
    """Tells one master key from another without saying anything about either."""
    return _fingerprint(master_key())


def fingerprint_of_box(box: bytes, *, passphrase: str) -> str:
    """The fingerprint of the master key in `box`. Raises CustodyError as unlock_master_key."""
    return _fingerprint(_open(box, passphrase))


def _open(box: bytes, passphrase: str) -> bytes:
    try:
        return unlock(box, passphrase=passphrase)
    except DrmError as error:
        raise CustodyError(
            _("The key box does not open: %(why)s. Check the passphrase and the file.")
            % {"why": error}
        ) from error


def _fingerprint(key: bytes) -> str:
    # The key is 256 random bits: its hash gives nothing to guess from.
    return hashlib.sha256(b"geobuk master key fingerprint v1\0" + key).hexdigest()[:32]
