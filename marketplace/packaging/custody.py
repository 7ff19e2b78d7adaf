"""The master keys, and what they wrap: content keys and the seeds of signing keys.

Each row is wrapped under a key of its own, derived from the master key and what the
row is for, so that rows copied over each other do not open (docs/format-v1.md).

There is one master key, but during a rotation there are two: the first in the file is
the one that wraps, the others only open. The file is read at each use, so a running
process knows of a rotation as soon as it begins.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from django.conf import settings

from drm.custody import MasterKey, unwrap_key, unwrap_seed, wrap_key, wrap_seed
from drm.errors import KeyMismatchError
from drm.keys import ContentKey, IdentityKey
from marketplace.core.keyfile import read_or_create_secret
from marketplace.packaging.errors import CustodyError
from marketplace.packaging.models import ContentKey as ContentKeyRow
from marketplace.packaging.models import Deposit, SigningKey

__all__ = [
    "Wrapped",
    "hold_custody",
    "keys_come_from_the_environment",
    "master_key",
    "master_key_path",
    "master_keys",
    "open_content_key",
    "open_content_key_row",
    "open_deposit",
    "open_identity",
    "open_identity_row",
    "wrap_content_key",
    "wrap_deposit",
    "wrap_identity",
]

VARIABLE = "GEOBUK_MASTER_KEY"
SIZE = 32  # bytes

Row = ContentKeyRow | SigningKey | Deposit
Key = TypeVar("Key")


class Wrapped(NamedTuple):
    """What a row keeps of a key."""

    wrapped: bytes
    master: str  # fingerprint of the master key


def master_key_path() -> Path:
    """Where the master keys lie unless the environment holds them."""
    return Path(settings.KEY_DIR) / "master.key"


def keys_come_from_the_environment() -> bool:
    """Whether GEOBUK_MASTER_KEY goes before the key file."""
    return bool(os.environ.get(VARIABLE))


def master_keys() -> tuple[MasterKey, ...]:
    """The master keys, the one that wraps first; one is made at the first run.

    From GEOBUK_MASTER_KEY (64 hexadecimal digits each, commas between) or the key file
    (one a line). Raises CustodyError where a key is malformed, readable by others, or
    missing although keys are in custody already: a new one would open none of them.
    """
    if text := os.environ.get(VARIABLE):
        return _parse(text.split(","), source=VARIABLE)
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
    return _parse(read_or_create_secret(path, size=SIZE).split(), source=str(path))


def master_key() -> MasterKey:
    """The master key that wraps; raises what master_keys raises."""
    return master_keys()[0]


def hold_custody() -> None:
    """Keep a rotation from dropping a key until the running transaction ends.

    Whoever wraps takes the root's row before the key file is read, and so does the end
    of a rotation: a row under the old key is either seen there, or not yet wrapped. It is
    an UPDATE, since SELECT FOR UPDATE locks nothing in SQLite.
    """
    SigningKey.objects.filter(role=SigningKey.Role.ROOT).update(role=SigningKey.Role.ROOT)


def wrap_content_key(key: ContentKey, *, seal_id: str) -> Wrapped:
    """What to keep for a package's content key, in the transaction that writes the row."""
    hold_custody()
    master = master_key()
    return Wrapped(wrap_key(key, master=master, context=seal_id.encode()), master.fingerprint)


def wrap_identity(key: IdentityKey, *, kid: str) -> Wrapped:
    """What to keep for the signing key `kid`, in the transaction that writes the row."""
    hold_custody()
    master = master_key()
    return Wrapped(
        wrap_seed(key.to_bytes(), master=master, context=kid.encode()), master.fingerprint
    )


def open_content_key(kept: Wrapped, *, seal_id: str) -> ContentKey:
    """Undo `wrap_content_key`. Raises CustodyError for another row or master key."""

    def opened(master: MasterKey) -> ContentKey:
        return unwrap_key(kept.wrapped, master=master, context=seal_id.encode())

    return _first_that_opens(opened, hint=kept.master)


def open_identity(kept: Wrapped, *, kid: str) -> IdentityKey:
    """Undo `wrap_identity`. Raises CustodyError for another row or master key."""

    def opened(master: MasterKey) -> IdentityKey:
        return IdentityKey(unwrap_seed(kept.wrapped, master=master, context=kid.encode()))

    return _first_that_opens(opened, hint=kept.master)


def open_content_key_row(row: ContentKeyRow) -> ContentKey:
    """The content key that a row keeps. Raises CustodyError."""
    return _of_row(row, lambda kept: open_content_key(kept, seal_id=row.package.seal_id))


def open_identity_row(row: SigningKey) -> IdentityKey:
    """The signing key that a row keeps. Raises CustodyError, also where it keeps none."""
    if not row.has_private:
        raise CustodyError(f"The private part of the {row} is kept offline, and not here.")
    return _of_row(row, lambda kept: open_identity(kept, kid=row.kid))


def wrap_deposit(secret: bytes, *, context: str) -> Wrapped:
    """What to keep of another app's 32 bytes, in the transaction that writes the row."""
    return wrap_identity(IdentityKey(secret), kid=context)


def open_deposit(row: Deposit) -> bytes:
    """Undo `wrap_deposit`. Raises CustodyError."""
    return _of_row(row, lambda kept: open_identity(kept, kid=row.custody_context).to_bytes())


def _of_row(row: Row, opened: Callable[[Wrapped], Key]) -> Key:
    """A rotation may end between our reading of the row and of the key file: look again."""
    while True:
        kept = Wrapped(bytes(row.wrapped), row.master)
        try:
            return opened(kept)
        except CustodyError:
            row.refresh_from_db(fields=["wrapped", "master"])
            if bytes(row.wrapped) == kept.wrapped:
                raise


def _first_that_opens(opened: Callable[[MasterKey], Key], *, hint: str) -> Key:
    """Try the key that `hint` names, then the others: a row of old names none."""
    mismatch: KeyMismatchError | None = None
    for master in sorted(master_keys(), key=lambda key: key.fingerprint != hint):
        try:
            return opened(master)
        except KeyMismatchError as error:
            mismatch = error
    raise CustodyError(str(mismatch)) from None


def _parse(texts: Sequence[str], *, source: str) -> tuple[MasterKey, ...]:
    keys = []
    for text in texts:
        try:
            key = bytes.fromhex(text.strip())
        except ValueError:
            key = b""
        if len(key) == SIZE:
            keys.append(MasterKey(key))
    if not keys or len(keys) != len(texts):
        raise CustodyError(f"A master key in {source} must be {2 * SIZE} hexadecimal digits.")
    return tuple(dict.fromkeys(keys))
