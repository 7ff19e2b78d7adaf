"""HPKE in PSK mode, against the RFC's vector and a key schedule written with the other library."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from drm.errors import KeyMismatchError
from drm.hpke import SharedSecret, seal, unseal
from drm.keys import SealingKey
from tests.drm.house import DEVICE_SEALING, KEY, OTHER_SEALING

INFO = b"label and hash"
SHARED = SharedSecret(psk_id=b"name", psk=bytes(range(32)))
WING = SealingKey(bytes(range(32)), "X-Wing")

# RFC 9180, appendix A.1.2: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-128-GCM, mode_psk.
RFC_INFO = bytes.fromhex("4f6465206f6e2061204772656369616e2055726e")
RFC_PRIVATE = bytes.fromhex("c5eb01eb457fe6c6f57577c5413b931550a162c71a03ac8d196babbd4e5ce0fd")
RFC_ENC = bytes.fromhex("0ad0950d9fb9588e59690b74f1237ecdf1d775cd60be2eca57af5a4b0471c91b")
RFC_PSK = bytes.fromhex("0247fd33b913760fa1fa51e1892d9f307fbe65eb171e8132c2af18555a738b82")
RFC_PSK_ID = bytes.fromhex("456e6e796e20447572696e206172616e204d6f726961")
RFC_KEY = bytes.fromhex("15026dba546e3ae05836fc7de5a7bb26")
RFC_NONCE = bytes.fromhex("9518635eba129d5ce0914555")
RFC_AAD = bytes.fromhex("436f756e742d30")
RFC_CIPHERTEXT = bytes.fromhex(
    "e52c6fed7f758d0cf7145689f21bc1be6ec9ea097fef4e959440012f4feb73fb611b946199e681f4cfc34db8ea"
)
RFC_PLAIN = bytes.fromhex("4265617574792069732074727574682c20747275746820626561757479")

AES_128_GCM, AES_256_GCM = (1, 16), (2, 32)  # RFC 9180, section 7.3: identifier, key size


def _extract(suite: bytes, salt: bytes, label: bytes, secret: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + secret, "sha256")


def _expand(suite: bytes, key: bytes, label: bytes, info: bytes, size: int) -> bytes:
    labelled = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info
    return HKDFExpand(hashes.SHA256(), size, labelled).derive(key)


def _schedule(
    private: bytes, enc: bytes, *, info: bytes, shared: SharedSecret, aead: tuple[int, int]
) -> tuple[bytes, bytes]:
    """Key and base nonce by RFC 9180, sections 4.1 and 5.1, for the recipient."""
    key = X25519PrivateKey.from_private_bytes(private)
    exchanged = key.exchange(X25519PublicKey.from_public_bytes(enc))
    kem = b"KEM" + (0x20).to_bytes(2, "big")
    context = enc + key.public_key().public_bytes_raw()
    secret = _expand(kem, _extract(kem, b"", b"eae_prk", exchanged), b"shared_secret", context, 32)
    identifier, size = aead
    suite = b"HPKE" + b"".join(n.to_bytes(2, "big") for n in (0x20, 1, identifier))
    hashed = (
        b"\x01"  # mode_psk
        + _extract(suite, b"", b"psk_id_hash", shared.psk_id)
        + _extract(suite, b"", b"info_hash", info)
    )
    root = _extract(suite, secret, b"secret", shared.psk)
    return (
        _expand(suite, root, b"key", hashed, size),
        _expand(suite, root, b"base_nonce", hashed, 12),
    )


def test_the_schedule_of_this_test_is_the_rfcs() -> None:
    shared = SharedSecret(psk_id=RFC_PSK_ID, psk=RFC_PSK)

    key, nonce = _schedule(RFC_PRIVATE, RFC_ENC, info=RFC_INFO, shared=shared, aead=AES_128_GCM)

    assert (key, nonce) == (RFC_KEY, RFC_NONCE)
    assert AESGCM(key).decrypt(nonce, RFC_CIPHERTEXT, RFC_AAD) == RFC_PLAIN


def test_the_schedule_opens_ours() -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=DEVICE_SEALING.public, info=INFO, shared=SHARED)

    key, nonce = _schedule(
        DEVICE_SEALING.to_bytes(), enc, info=INFO, shared=SHARED, aead=AES_256_GCM
    )
    assert AESGCM(key).decrypt(nonce, sealed, b"") == KEY.to_bytes()


def test_we_open_what_the_rfcs_key_and_secret_seal() -> None:
    shared = SharedSecret(psk_id=RFC_PSK_ID, psk=RFC_PSK)
    key, nonce = _schedule(RFC_PRIVATE, RFC_ENC, info=RFC_INFO, shared=shared, aead=AES_256_GCM)
    sealed = AESGCM(key).encrypt(nonce, RFC_PLAIN, b"")

    opened = unseal(RFC_ENC, sealed, key=SealingKey(RFC_PRIVATE), info=RFC_INFO, shared=shared)

    assert opened == RFC_PLAIN


@pytest.mark.parametrize("key", [DEVICE_SEALING, WING], ids=["X25519", "X-Wing"])
def test_nothing_opens_without_the_very_secret(key: SealingKey) -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=key.public, info=INFO, shared=SHARED)

    assert unseal(enc, sealed, key=key, info=INFO, shared=SHARED) == KEY.to_bytes()
    others = [
        None,
        SHARED._replace(psk=hashlib.sha256(b"").digest()),
        SHARED._replace(psk_id=b"other name"),
    ]
    for other in others:
        with pytest.raises(KeyMismatchError):
            unseal(enc, sealed, key=key, info=INFO, shared=other)
    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=OTHER_SEALING, info=INFO, shared=SHARED)
    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=key, info=INFO + b"\x00", shared=SHARED)


def test_a_seal_without_a_secret_does_not_open_with_one() -> None:
    enc, sealed = seal(KEY.to_bytes(), recipient=DEVICE_SEALING.public, info=INFO)

    with pytest.raises(KeyMismatchError):
        unseal(enc, sealed, key=DEVICE_SEALING, info=INFO, shared=SHARED)


def test_the_secret_does_not_show() -> None:
    assert repr(SHARED) == "<SharedSecret (secret)>"
