"""HPKE: both libraries open each other's bytes, and everything in `info` binds."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from drm.errors import FormatError, KeyMismatchError
from drm.hpke import seal, unseal
from drm.keys import SealingPublicKey
from tests.drm.house import DEVICE_SEALING, KEY, OTHER_SEALING

INFO = b"label and hash"
SUITE = other.Suite(other.KEM.X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)


def test_the_other_library_opens_ours() -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=DEVICE_SEALING.public, info=INFO)

    private = X25519PrivateKey.from_private_bytes(DEVICE_SEALING.to_bytes())
    assert SUITE.decrypt(enc + sealed, private, info=INFO) == KEY.to_bytes()


def test_we_open_the_other_librarys() -> None:
    public = X25519PublicKey.from_public_bytes(DEVICE_SEALING.public.to_bytes())
    message = SUITE.encrypt(KEY.to_bytes(), public, info=INFO)

    assert unseal(message[:32], message[32:], key=DEVICE_SEALING, info=INFO) == KEY.to_bytes()


def test_every_changed_bit_other_key_and_other_info_are_refused() -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=DEVICE_SEALING.public, info=INFO)

    for position in range(len(enc)):
        changed = bytearray(enc)
        changed[position] ^= 1
        with pytest.raises(KeyMismatchError):
            unseal(bytes(changed), sealed, key=DEVICE_SEALING, info=INFO)
    for position in range(len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(KeyMismatchError):
            unseal(enc, bytes(changed), key=DEVICE_SEALING, info=INFO)
    for cut in range(len(sealed)):
        with pytest.raises(KeyMismatchError):
            unseal(enc, sealed[:cut], key=DEVICE_SEALING, info=INFO)
    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=OTHER_SEALING, info=INFO)
    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=DEVICE_SEALING, info=INFO + b"\x00")


@pytest.mark.parametrize("enc", [b"", bytes(31), bytes(33), bytes(32), (1).to_bytes(32, "little")])
def test_an_encapsulated_key_that_is_no_usable_point_is_refused(enc: bytes) -> None:
    with pytest.raises(KeyMismatchError):
        unseal(enc, bytes(48), key=DEVICE_SEALING, info=INFO)


@pytest.mark.parametrize("point", [bytes(32), (1).to_bytes(32, "little")])
def test_nothing_is_sealed_for_a_point_of_small_order(point: bytes) -> None:
    # Whoever registers such a key would make every seal open to all.
    with pytest.raises(FormatError, match="not usable"):
        seal(KEY.to_bytes(), recipient=SealingPublicKey(point), info=INFO)
