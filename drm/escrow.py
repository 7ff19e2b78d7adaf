"""A box that a passphrase opens: how a shop's master key leaves the machine it was made on.

The passphrase box of docs/format-v1.md, section 10, with a magic of its own and no context.
"""

from __future__ import annotations

from typing import Final

from drm.passphrase import MINIMUM_PASSPHRASE, _open, _seal

__all__ = ["MINIMUM_PASSPHRASE", "lock", "unlock"]

MAGIC: Final = b"GBKESCR1"


def lock(secret: bytes, *, passphrase: str) -> bytes:
    """Return `secret` as a box that only `passphrase` opens.

    Raises ValueError for a passphrase below MINIMUM_PASSPHRASE characters.
    """
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise ValueError(f"a passphrase needs at least {MINIMUM_PASSPHRASE} characters")
    return _seal(MAGIC, passphrase, secret, b"")


def unlock(box: bytes, *, passphrase: str) -> bytes:
    """Return the secret in `box`.

    Raises FormatError where it is no box of ours, AuthenticationError where the
    passphrase is another one or the box was changed: the two cannot be told apart.
    """
    return _open(MAGIC, passphrase, box, b"")
