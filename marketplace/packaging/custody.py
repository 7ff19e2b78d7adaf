"""The master key, and what it wraps: content keys and the seeds of signing keys.

Each row is wrapped under a key of its own, derived from the master key and what the
row is for, so that rows copied over each other do not open (docs/format-v1.md).
"""

from __future__ import annotations

import os
import stat
from pathlib import Path

from django.conf import settings

from drm.custody import unwrap_key, unwrap_seed, wrap_key, wrap_seed
from drm.errors import KeyMismatchError
from drm.keys import ContentKey, IdentityKey
from marketplace.core.keyfile import read_or_create_secret
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import SigningKey

__all__ = [
    "master_key",
    "master_key_path",
    "open_content_key",
    "open_identity",
    "wrap_content_key",
    "wrap_identity",
]

VARIABLE = "GEOBUK_MASTER_KEY"
SIZE = 32  # bytes


def master_key_path() -> Path:
    """Where the master key lies unless the environment holds it."""
    return Path(settings.KEY_DIR) / "master.key"


def master_key() -> bytes:
    """The 32 bytes that everything in custody hangs on; made at the first run.

    From GEOBUK_MASTER_KEY (64 hexadecimal digits) or the key file. Raises CustodyError
    where the key is malformed, readable by others, or missing although keys are in
    custody already: a new one would open none of them.
    """
    if text := os.environ.get(VARIABLE):
        return _parse(text, source=VARIABLE)
    path = master_key_path()
    if path.exists():
        if stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise CustodyError(
                f"The master key {path} can be read by others. Run: chmod 600 {path}"
            )
    elif SigningKey.objects.exists():
        raise CustodyError(
            f"The master key {path} is missing, and the database holds keys that only it opens. "
            f"Restore it from a backup, or set {VARIABLE}."
        )
    return _parse(read_or_create_secret(path, size=SIZE), source=str(path))


def wrap_content_key(key: ContentKey, *, seal_id: str) -> bytes:
    """The bytes to keep for the content key of the package with `seal_id`."""
    return wrap_key(key, master=master_key(), context=seal_id.encode())


def open_content_key(wrapped: bytes, *, seal_id: str) -> ContentKey:
    """Undo `wrap_content_key`. Raises CustodyError for another row or master key."""
    try:
        return unwrap_key(wrapped, master=master_key(), context=seal_id.encode())
    except KeyMismatchError as error:
        raise CustodyError(str(error)) from error


def wrap_identity(key: IdentityKey, *, kid: str) -> bytes:
    """The bytes to keep for the signing key `kid`."""
    return wrap_seed(key.to_bytes(), master=master_key(), context=kid.encode())


def open_identity(wrapped: bytes, *, kid: str) -> IdentityKey:
    """Undo `wrap_identity`. Raises CustodyError for another row or master key."""
    try:
        return IdentityKey.from_bytes(
            unwrap_seed(wrapped, master=master_key(), context=kid.encode())
        )
    except KeyMismatchError as error:
        raise CustodyError(str(error)) from error


def _parse(text: str, *, source: str) -> bytes:
    try:
        key = bytes.fromhex(text.strip())
    except ValueError:
        key = b""
    if len(key) != SIZE:
        raise CustodyError(f"The master key in {source} must be {2 * SIZE} hexadecimal digits.")
    return key
