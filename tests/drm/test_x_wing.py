"""The suite X-Wing: two libraries agree, and no key or seal of one suite passes for the other's."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.errors import AuthenticationError, FormatError, KeyMismatchError, UnsupportedError
from drm.hpke import seal, unseal
from drm.keys import SUITES, SealingKey, SealingPublicKey, sign_sealing_key, verify_sealing_key
from drm.licence import DeviceKeys, issue_licence, open_licence
from drm.rights import Rights
from tests.drm.house import DEVICE, ISSUER, KEY, NOW, Shelf

INFO = b"label and hash"
SUITE = other.Suite(other.KEM.MLKEM768_X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)
WING = SealingKey(bytes(range(32)), "X-Wing")
ENC_SIZE = 1120
seeds = st.binary(min_size=32, max_size=32)


def _others_private(key: SealingKey) -> other.MLKEM768X25519PrivateKey:
    stretched = hashlib.shake_256(key.to_bytes()).digest(96)
    return other.MLKEM768X25519PrivateKey(
        MLKEM768PrivateKey.from_seed_bytes(stretched[:64]),
        X25519PrivateKey.from_private_bytes(stretched[64:]),
    )


def test_the_suites_are_these() -> None:
    assert SUITES == ("X25519", "X-Wing")


@settings(max_examples=25)
@given(seed=seeds, plain=st.binary(max_size=64), info=st.binary(max_size=64))
def test_the_other_library_opens_ours(seed: bytes, plain: bytes, info: bytes) -> None:
    key = SealingKey(seed, "X-Wing")

    enc, sealed = seal(plain, recipient=key.public, info=info)

    assert len(enc) == ENC_SIZE
    assert SUITE.decrypt(enc + sealed, _others_private(key), info=info) == plain
    assert unseal(enc, sealed, key=key, info=info) == plain


@settings(max_examples=25)
@given(seed=seeds, plain=st.binary(max_size=64), info=st.binary(max_size=64))
def test_we_open_the_other_librarys(seed: bytes, plain: bytes, info: bytes) -> None:
    key = SealingKey(seed, "X-Wing")
    public = key.public.to_bytes()
    recipient = other.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:1184]),
        X25519PublicKey.from_public_bytes(public[1184:]),
    )

    message = SUITE.encrypt(plain, recipient, info=info)

    assert unseal(message[:ENC_SIZE], message[ENC_SIZE:], key=key, info=info) == plain


@settings(max_examples=60)
@given(position=st.integers(min_value=0, max_value=ENC_SIZE + 47), bit=st.integers(0, 7))
def test_every_changed_bit_is_refused(position: int, bit: int) -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=WING.public, info=INFO)
    changed = bytearray(enc + sealed)
    changed[position] ^= 1 << bit

    with pytest.raises(KeyMismatchError):
        unseal(bytes(changed[:ENC_SIZE]), bytes(changed[ENC_SIZE:]), key=WING, info=INFO)


def test_other_keys_and_other_info_are_refused() -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=WING.public, info=INFO)

    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=SealingKey.generate("X-Wing"), info=INFO)
    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=WING, info=INFO + b"\x00")


@pytest.mark.parametrize("size", [0, 32, ENC_SIZE - 1, ENC_SIZE + 1])
def test_an_encapsulated_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(KeyMismatchError):
        unseal(bytes(size), bytes(48), key=WING, info=INFO)


def test_a_seal_of_one_suite_does_not_open_in_the_other() -> None:
    plain_key = SealingKey(WING.to_bytes())
    for sealer, opener in ((WING, plain_key), (plain_key, WING)):
        enc, sealed = seal(KEY.to_bytes(), recipient=sealer.public, info=INFO)
        with pytest.raises(KeyMismatchError):
            unseal(enc, sealed, key=opener, info=INFO)
    assert plain_key != WING
    assert plain_key == SealingKey.from_bytes(WING.to_bytes(), "X25519")


@pytest.mark.parametrize("size", [0, 32, 1184, 1215, 1217])
def test_a_public_key_of_another_length_is_refused(size: int) -> None:
    with pytest.raises(FormatError, match="1216 bytes"):
        SealingPublicKey(WING.public.to_bytes().ljust(size, b"\x00")[:size], "X-Wing")


@pytest.mark.parametrize(
    "point",
    [
        "00" * 32,
        "01" + "00" * 31,
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "ec" + "ff" * 30 + "7f",
    ],
)
def test_a_half_of_small_order_is_refused(point: str) -> None:
    public = WING.public.to_bytes()[:1184] + bytes.fromhex(point)

    with pytest.raises(FormatError, match="not usable"):
        SealingPublicKey(public, "X-Wing")


def test_coefficients_out_of_range_are_refused() -> None:
    # FIPS 203, section 7.2: the modulus check of an encapsulation key.
    public = b"\xff" * 1152 + WING.public.to_bytes()[1152:]

    with pytest.raises(FormatError, match="not usable"):
        SealingPublicKey(public, "X-Wing")


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(UnsupportedError, match="X448"):
        SealingKey(bytes(32), "X448")
    with pytest.raises(UnsupportedError, match="X448"):
        SealingKey.generate("X448")


def test_an_identity_vouches_for_the_suite_too() -> None:
    signature = sign_sealing_key(DEVICE, WING.public)

    verify_sealing_key(DEVICE.public, WING.public, signature)
    with pytest.raises(AuthenticationError):
        verify_sealing_key(DEVICE.public, SealingKey(WING.to_bytes()).public, signature)


def test_a_licence_names_its_suite_and_opens_with_that_key_alone(shelf: Shelf) -> None:
    jws = issue_licence(
        issuer=ISSUER,
        kid=ISSUER.public.thumbprint,
        licence_id="licence-x-wing",
        issuer_name="https://shop.example",
        device=DeviceKeys(identity_public=DEVICE.public, sealing_public=WING.public),
        subject="somebody",
        package_id=shelf.package_id,
        manifest=shelf.manifest,
        version=shelf.manifest.version,
        rights=Rights(play=True, save=False),
        key=KEY,
        now=NOW,
    )

    def opened(key: SealingKey) -> bytes:
        return open_licence(
            jws,
            issuer_public=ISSUER.public,
            identity=DEVICE.public,
            sealing_key=key,
            package_id=shelf.package_id,
            manifest=shelf.manifest,
            now=NOW,
            action="play",
        ).content_key.to_bytes()

    assert opened(WING) == KEY.to_bytes()
    with pytest.raises(UnsupportedError, match="suite"):
        opened(SealingKey(WING.to_bytes()))
    with pytest.raises(KeyMismatchError):
        opened(SealingKey.generate("X-Wing"))
