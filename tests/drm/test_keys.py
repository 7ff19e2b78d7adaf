"""Keys: what they sign, how they are named, and that they never show themselves."""

from __future__ import annotations

import copy
import pickle

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from drm.errors import AuthenticationError, FormatError, UnsupportedError
from drm.keys import (
    ContentKey,
    IdentityKey,
    IdentityPublicKey,
    SealingKey,
    SealingPublicKey,
    sign_sealing_key,
    verify_sealing_key,
)
from tests.drm.house import DEVICE, DEVICE_SEALING, KEY, OTHER_DEVICE, OTHER_KEY, OTHER_SEALING


def test_the_thumbprint_is_that_of_rfc_8037() -> None:
    # RFC 8037, appendix A.3.
    public = IdentityPublicKey.from_jwk(
        {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    )

    assert public.thumbprint == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_signatures_are_those_of_rfc_8032() -> None:
    # RFC 8032, section 7.1, test 2.
    key = IdentityKey(
        bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb")
    )

    assert key.public.to_bytes().hex() == (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert key.sign(b"\x72").hex() == (
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    key.public.verify(key.sign(b"\x72"), b"\x72")


def test_a_changed_signature_or_message_is_refused() -> None:
    signature = DEVICE.sign(b"message")

    for position in range(len(signature)):
        changed = bytearray(signature)
        changed[position] ^= 1
        with pytest.raises(AuthenticationError):
            DEVICE.public.verify(bytes(changed), b"message")
    with pytest.raises(AuthenticationError):
        DEVICE.public.verify(signature, b"massage")
    with pytest.raises(AuthenticationError):
        OTHER_DEVICE.public.verify(signature, b"message")
    with pytest.raises(AuthenticationError):
        DEVICE.public.verify(b"", b"message")


def test_an_identity_vouches_for_one_sealing_key() -> None:
    signature = sign_sealing_key(DEVICE, DEVICE_SEALING.public)

    verify_sealing_key(DEVICE.public, DEVICE_SEALING.public, signature)
    with pytest.raises(AuthenticationError):
        verify_sealing_key(DEVICE.public, OTHER_SEALING.public, signature)
    with pytest.raises(AuthenticationError):
        verify_sealing_key(OTHER_DEVICE.public, DEVICE_SEALING.public, signature)


def test_the_sealing_key_is_the_same_in_the_other_library() -> None:
    other = X25519PrivateKey.from_private_bytes(DEVICE_SEALING.to_bytes())

    assert other.public_key().public_bytes_raw() == DEVICE_SEALING.public.to_bytes()


@pytest.mark.parametrize("kind", [ContentKey, IdentityKey, SealingKey])
def test_a_secret_hides_and_does_not_travel(
    kind: type[ContentKey] | type[IdentityKey] | type[SealingKey],
) -> None:
    secret = kind.generate()

    for shown in (repr(secret), str(secret), f"{secret}", repr([secret]), repr({"key": secret})):
        assert secret.to_bytes().hex() not in shown
        assert repr(secret.to_bytes()) not in shown
        assert kind.__name__ in shown
    assert not hasattr(secret, "__dict__")
    with pytest.raises(TypeError, match="secret"):
        pickle.dumps(secret)
    with pytest.raises(TypeError, match="secret"):
        copy.copy(secret)


def test_keys_compare_by_value_and_kind() -> None:
    assert ContentKey(KEY.to_bytes()) == KEY
    assert hash(ContentKey(KEY.to_bytes())) == hash(KEY)
    assert KEY != OTHER_KEY
    assert IdentityKey(KEY.to_bytes()) != KEY
    assert KEY.to_bytes() != KEY
    assert ContentKey.generate() != ContentKey.generate()
    assert IdentityPublicKey(DEVICE.public.to_bytes()) == DEVICE.public
    assert len({DEVICE.public, OTHER_DEVICE.public, DEVICE.public}) == 2
    assert SealingPublicKey(DEVICE_SEALING.public.to_bytes()) == DEVICE_SEALING.public
    assert len({DEVICE_SEALING.public, OTHER_SEALING.public}) == 2


@pytest.mark.parametrize("size", [0, 31, 33, 64])
@pytest.mark.parametrize(
    "kind", [ContentKey, IdentityKey, SealingKey, IdentityPublicKey, SealingPublicKey]
)
def test_a_key_of_another_length_is_refused(kind: type[ContentKey], size: int) -> None:
    with pytest.raises(FormatError, match="32 bytes"):
        kind.from_bytes(bytes(size))


@pytest.mark.parametrize(
    "jwk",
    [
        None,
        "text",
        {},
        {"kty": "EC", "crv": "P-256", "x": "AA"},
        {"kty": "OKP", "crv": "X25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
        {"kty": "OKP", "crv": "Ed25519"},
        {"kty": "OKP", "crv": "Ed25519", "x": "AA"},
        {"kty": "OKP", "crv": "Ed25519", "x": 5},
        DEVICE.public.jwk() | {"d": "AA"},
    ],
)
def test_a_jwk_of_another_kind_is_refused(jwk: object) -> None:
    with pytest.raises(FormatError):
        IdentityPublicKey.from_jwk(jwk)


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="P-256"):
        SealingPublicKey(bytes(32), "P-256")


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "00" * 31 + "80",  # the highest bit does not count
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ec" + "ff" * 30 + "7f",
        "ed" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
    ],
)
def test_a_sealing_key_of_small_order_is_no_key(point: str) -> None:
    with pytest.raises(FormatError, match="not usable"):
        SealingPublicKey(bytes.fromhex(point))


def test_a_commitment_is_for_one_key_and_one_seal() -> None:
    seal_id, other = "00" * 16, "01" * 16

    commitment = KEY.commitment(seal_id)

    assert len(commitment) == 32
    assert commitment == KEY.commitment(seal_id)
    assert commitment != OTHER_KEY.commitment(seal_id)
    assert commitment != KEY.commitment(other)
