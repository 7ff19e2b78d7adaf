"""The suite X-Wing: a licence whose key the other library wrapped, and sealing keys (2.3, 6.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives import hpke as other
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from drm.encoding import b64u, canonical_json
from drm.keys import SealingKey, sign_sealing_key
from tests.drm.house import DEVICE, KEY
from tests.vectors.tools import Case, Row, base, claims_in, document, flipped, without

WING: Final = SealingKey(bytes(range(32)), "X-Wing")
ENC_SIZE: Final = 1120
LICENCE: Final = "geobuk-licence+jws"


def licences() -> Iterator[Row]:
    """Licences in the suite X-Wing, made once as its encapsulation is drawn at random."""
    claims = without(claims_in(base("licence")["licence"]), "wrapped_key")
    info = b"geobuk-licence-v1" + hashlib.sha256(canonical_json(claims)).digest()
    suite = other.Suite(other.KEM.MLKEM768_X25519, other.KDF.HKDF_SHA256, other.AEAD.AES_256_GCM)
    public = WING.public.to_bytes()
    recipient = other.MLKEM768X25519PublicKey(
        MLKEM768PublicKey.from_public_bytes(public[:1184]),
        X25519PublicKey.from_public_bytes(public[1184:]),
    )
    message = suite.encrypt(KEY.value, recipient, info=info)
    enc, ct = message[:ENC_SIZE], message[ENC_SIZE:]

    def licence(enc: bytes, ct: bytes, suite: str = "X-Wing", **more: object) -> Case:
        key = {"suite": suite, "enc": b64u(enc), "ct": b64u(ct)}
        whole = claims | {"wrapped_key": key} | more
        wing = {"suite": "X-Wing", "needs": "X-Wing", "sealing_key": b64u(WING.to_bytes())}
        return wing | {"licence": document(whole, LICENCE)}

    good = licence(enc, ct)
    yield "good", "ok", good
    x25519 = {"suite": "X25519", "needs": None}
    yield "opened-with-x25519", "unsupported", good | x25519
    yield "x25519-opened-with-x-wing", "unsupported", licence(enc[:32], ct, "X25519")
    yield "other-seed", "wrong_key", good | {"sealing_key": b64u(bytes(32))}
    yield "ml-kem-half-changed", "wrong_key", licence(flipped(enc, 0), ct)
    yield "x25519-half-changed", "wrong_key", licence(flipped(enc, ENC_SIZE - 2), ct)
    yield "sealed-key-changed", "wrong_key", licence(enc, flipped(ct, 0))
    yield "encapsulated-key-cut", "wrong_key", licence(enc[:-1], ct)
    yield "x25519-half-alone", "wrong_key", licence(enc[-32:], ct)
    yield "key-moved", "wrong_key", licence(enc, ct, sub="buyer-2")


def key_base() -> Case:
    """Return the word of a device for its X-Wing key."""
    return {
        "kind": "sealing_key",
        "outcome": "ok",
        "needs": "X-Wing",
        "suite": "X-Wing",
        "identity_public": b64u(DEVICE.public.to_bytes()),
        "seed": b64u(WING.to_bytes()),
        "sealing_public": b64u(WING.public.to_bytes()),
        "signature": b64u(sign_sealing_key(DEVICE, WING.public)),
    }


def keys() -> Iterator[Row]:
    """X-Wing keys that are usable and that are not."""
    public = WING.public.to_bytes()
    yield "good", "ok", {}
    bare = DEVICE.sign(b"geobuk-sealing-key-v1\x00X25519\x00" + public)
    yield "vouched-for-in-another-suite", "bad_signature", {"signature": b64u(bare)}
    faults = {
        "half-of-zeros": public[:1184] + bytes(32),
        "half-of-small-order": public[:1184] + (1).to_bytes(32, "little"),
        "coefficients-out-of-range": b"\xff" * 1152 + public[1152:],
        "cut": public[:-1],
        "ml-kem-half-alone": public[:1184],
    }
    for name, key in faults.items():
        yield name, "bad_format", {"sealing_public": b64u(key)}
    unknown = {"suite": "X448", "needs": None}
    yield "unknown-suite", "unsupported", unknown
