"""HPKE (RFC 9180): a content key for one device (docs/format-v1.md, section 6.4).

In base mode the recipient's key alone opens; in PSK mode (RFC 9180, section 5.1.2) a secret
that the two share is needed as well. Everything is bound through `info`; the associated data
stays empty, so that other libraries, which have no parameter for it, open the same bytes.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from Crypto.Protocol import HPKE
from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key
from Crypto.PublicKey.Hybrid import MLKEM768_X25519, HybridKey

from drm.errors import FormatError, KeyMismatchError
from drm.keys import SUITE_X_WING, SealingKey, SealingPublicKey

__all__ = ["SharedSecret", "seal", "unseal"]

# Section 6.4: suite "X25519" = DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM;
# suite "X-Wing" = MLKEM768-X25519 (0x647a), HKDF-SHA256, AES-256-GCM. The library derives
# KEM and KDF from the kind of key.
AEAD: Final = HPKE.AEAD.AES256_GCM


class SharedSecret(NamedTuple):
    """The pre-shared key of PSK mode: its name, which is no secret, and at least 32 bytes."""

    psk_id: bytes
    psk: bytes

    def __repr__(self) -> str:
        return "<SharedSecret (secret)>"


def seal(
    plain: bytes, *, recipient: SealingPublicKey, info: bytes, shared: SharedSecret | None = None
) -> tuple[bytes, bytes]:
    """Return the encapsulated key and the ciphertext of `plain` for `recipient`, in its suite.

    With `shared`, in PSK mode. The encapsulated key has 32 bytes for X25519, 1120 for X-Wing.
    Raises FormatError where the recipient's key is not usable.
    """
    try:
        receiver = _receiver(recipient)
        context = HPKE.new(receiver_key=receiver, aead_id=AEAD, info=info, psk=shared)
        return context.enc, context.seal(plain)
    except ValueError as error:
        raise FormatError("The device's sealing key is not usable. Sign in again on it.") from error


def unseal(
    enc: bytes, sealed: bytes, *, key: SealingKey, info: bytes, shared: SharedSecret | None = None
) -> bytes:
    """Return what was sealed for `key` with the same `info` and `shared`.

    Raises KeyMismatchError.
    """
    try:
        context = HPKE.new(receiver_key=_opener(key), aead_id=AEAD, enc=enc, info=info, psk=shared)
        return context.unseal(sealed)
    except ValueError as error:
        raise KeyMismatchError(
            "The key in this licence does not open on this device. Fetch the licence again."
        ) from error


def _receiver(recipient: SealingPublicKey) -> Any:
    if recipient.suite == SUITE_X_WING:
        return HybridKey(param_set=MLKEM768_X25519, pk=recipient.to_bytes())
    return import_x25519_public_key(recipient.to_bytes())


def _opener(key: SealingKey) -> Any:
    if key.suite == SUITE_X_WING:
        return HybridKey(param_set=MLKEM768_X25519, seed=key.to_bytes())
    return import_x25519_private_key(key.to_bytes())
