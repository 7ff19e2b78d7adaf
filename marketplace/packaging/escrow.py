"""The master keys on their way into a backup and back: in a box that the operator's passphrase opens."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable

from django.utils.translation import gettext as _

from drm.custody import MasterKey
from drm.errors import DrmError
from drm.escrow import MINIMUM_PASSPHRASE, lock, unlock
from marketplace.packaging.custody import master_key_path, master_keys
from marketplace.packaging.errors import CustodyError

__all__ = [
    "fingerprint_of_box",
    "lock_master_key",
    "master_key_fingerprint",
    "unlock_master_key",
]


def lock_master_key(*, passphrase: str) -> bytes:
    """All master keys in one box (docs/format-v1.md, "Escrow"), the one that wraps first.

    Raises CustodyError where the passphrase is too short.
    """
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise CustodyError(
            _("The passphrase needs at least %(count)d characters. Choose a longer one.")
            % {"count": MINIMUM_PASSPHRASE}
        )
    return lock(b"".join(key.to_bytes() for key in master_keys()), passphrase=passphrase)


def unlock_master_key(box: bytes, *, passphrase: str) -> None:
    """Write the master keys in `box` to their file, which must not exist yet.

    Raises CustodyError where the passphrase is another one, and FileExistsError.
    """
    keys = _open(box, passphrase)
    path = master_key_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write("\n".join(key.to_bytes().hex() for key in keys))
            file.flush()
            os.fsync(file.fileno())
        # link() fails where a key is already there: nothing is ever overwritten.
        os.link(draft, path)
    finally:
        draft.unlink()


def master_key_fingerprint() -> str:
    """The master keys by their fingerprints, commas between: which they are, and nothing of them."""
    return _fingerprint(master_keys())


def fingerprint_of_box(box: bytes, *, passphrase: str) -> str:
    """The fingerprints of the master keys in `box`. Raises CustodyError as unlock_master_key."""
    return _fingerprint(_open(box, passphrase))


def _open(box: bytes, passphrase: str) -> tuple[MasterKey, ...]:
    try:
        opened = unlock(box, passphrase=passphrase)
        # Each key has 32 bytes; a box from before rotations holds one.
        return tuple(MasterKey(opened[at : at + 32]) for at in range(0, len(opened), 32))
    except DrmError as error:
        raise CustodyError(
            _("The key box does not open: %(why)s. Check the passphrase and the file.")
            % {"why": error}
        ) from error


def _fingerprint(keys: Iterable[MasterKey]) -> str:
    return ",".join(key.fingerprint for key in keys)
