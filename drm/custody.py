"""Keys at rest: AES key wrap (RFC 3394) under a key for each row (docs/format-v1.md, section 9).

The context names the row, so that wrapped bytes copied into another row do not open.
"""

from __future__ import annotations

import hashlib
from typing import Final

from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from drm.errors import FormatError, KeyMismatchError
from drm.keys import ContentKey, _Secret

__all__ = ["MasterKey", "unwrap_key", "unwrap_seed", "wrap_key", "wrap_seed"]

# Section 9: HKDF info = label ‖ 0x00 ‖ context. A content key never opens as a seed.
KEY_LABEL: Final = b"geobuk-custody-content-key-v1"
SEED_LABEL: Final = b"geobuk-custody-seed-v1"
FINGERPRINT_LABEL: Final = b"geobuk master key fingerprint v1\x00"
SEED_SIZE: Final = 32
WRAPPED_SIZE: Final = 40  # RFC 3394: 8 bytes of check value before the key

_MISMATCH: Final = (
    "A stored key does not open with this master key. Check that the database and the master "
    "key file belong together."
)


class MasterKey(_Secret):
    """The 32 bytes from which every wrapping key is derived."""

    __slots__ = ()

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name this key (section 9).

        The key is 256 random bits: its hash gives nothing to guess from.
        """
        return hashlib.sha256(FINGERPRINT_LABEL + self._value).hexdigest()[:16]


def wrap_key(content_key: ContentKey, *, master: MasterKey, context: bytes) -> bytes:
    """Return the 40 bytes to keep for `content_key` in the row that `context` names."""
    return _wrap(content_key.to_bytes(), master=master, label=KEY_LABEL, context=context)


def unwrap_key(wrapped: bytes, *, master: MasterKey, context: bytes) -> ContentKey:
    """Return what `wrap_key` wrapped. Raises KeyMismatchError for another row or master."""
    return ContentKey(_unwrap(wrapped, master=master, label=KEY_LABEL, context=context))


def wrap_seed(seed: bytes, *, master: MasterKey, context: bytes) -> bytes:
    """Return the 40 bytes to keep for a 32-byte signing seed."""
    if len(seed) != SEED_SIZE:
        raise FormatError("A signing seed must be 32 bytes long.")
    return _wrap(seed, master=master, label=SEED_LABEL, context=context)


def unwrap_seed(wrapped: bytes, *, master: MasterKey, context: bytes) -> bytes:
    """Return what `wrap_seed` wrapped. Raises KeyMismatchError for another row or master."""
    return _unwrap(wrapped, master=master, label=SEED_LABEL, context=context)


def _wrap(secret: bytes, *, master: MasterKey, label: bytes, context: bytes) -> bytes:
    kek = _wrapping_key(master, label=label, context=context)
    return AES.new(kek, AES.MODE_KW).seal(secret)


def _unwrap(wrapped: bytes, *, master: MasterKey, label: bytes, context: bytes) -> bytes:
    kek = _wrapping_key(master, label=label, context=context)
    if len(wrapped) != WRAPPED_SIZE:
        raise KeyMismatchError(_MISMATCH)
    try:
        return AES.new(kek, AES.MODE_KW).unseal(bytes(wrapped))
    except ValueError as error:
        raise KeyMismatchError(_MISMATCH) from error


def _wrapping_key(master: MasterKey, *, label: bytes, context: bytes) -> bytes:
    derived = HKDF(master.to_bytes(), 32, b"", SHA256, context=label + b"\x00" + context)
    assert isinstance(derived, bytes)
    return derived
