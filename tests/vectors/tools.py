"""What the generators of vectors share: documents made by hand, so that they can be wrong."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drm.encoding import b64u, canonical_json, from_b64u, parse_object
from drm.keys import ContentKey, IdentityKey
from drm.manifest import associated_data
from drm.stream import StreamSealer, ciphertext_size
from tests.drm.house import DEVICE_SEALING, ISSUER, KEY, pattern

FOLDER = Path(__file__).parent
GROUP_ORDER: Final = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, section 5.1
# RFC 9180, sections 4.1 and 5.1: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
KEM_ID: Final = b"KEM\x00\x20"
SUITE_ID: Final = b"HPKE\x00\x20\x00\x01\x00\x02"
Case = dict[str, Any]
Row = tuple[str, str, Case]  # name, outcome, what it changes in the base of its group


def base(name: str) -> Case:
    """Return the vector `name`, which the new cases change in one place."""
    case: Case = json.loads((FOLDER / f"{name}.json").read_text())
    return case


def vectors() -> dict[str, Case]:
    """Return every vector by its name: those of a file each, and those of the groups."""
    found = {path.stem: base(path.stem) for path in sorted(FOLDER.glob("*.json"))}
    for path in sorted((FOLDER / "more").glob("*.json")):
        group = json.loads(path.read_text())
        found |= {f"{path.stem}/{case['name']}": group["base"] | case for case in group["cases"]}
    return found


def claims_in(jws: str) -> Case:
    """Return the claims of `jws`, unverified."""
    return parse_object(from_b64u(jws.split(".")[1]))


def document(
    claims: Case | bytes,
    kind: str,
    *,
    key: IdentityKey = ISSUER,
    header: Case | bytes | None = None,
) -> str:
    """Return a JWS over `claims` as they are, with the usual header or another one."""
    first = {"alg": "EdDSA", "typ": kind, "kid": key.public.thumbprint}
    head = header if isinstance(header, bytes) else canonical_json(header or first)
    body = claims if isinstance(claims, bytes) else canonical_json(claims)
    text = f"{b64u(head)}.{b64u(body)}"
    return f"{text}.{b64u(key.sign(text.encode()))}"


def without(claims: Case, *names: str) -> Case:
    """Return `claims` but for `names`."""
    return {name: value for name, value in claims.items() if name not in names}


def sealed(plain: bytes, *, seal_id: str, index: int, key: bytes = KEY.value) -> bytes:
    """Return a stream over `plain`, whose salt and prefix are the same each time."""
    salt, prefix = drawn(32, "salt", plain), drawn(7, "prefix", plain)
    ad = associated_data(seal_id, index)
    sealer = StreamSealer(key=ContentKey(key), associated_data=ad, salt=salt, prefix=prefix)
    out = memoryview(bytearray(ciphertext_size(len(plain))))
    return bytes(out[: sealer.seal(plain, first=0, last=True, out=out)])


def drawn(size: int, *parts: str | bytes) -> bytes:
    """Return bytes in place of random ones, so that a vector is made the same each time."""
    return pattern(size, "".join(p if isinstance(p, str) else p.hex() for p in parts))


def hpke_seal(
    plain: bytes,
    *,
    info: bytes,
    ephemeral: bytes,
    recipient: bytes | None = None,
    aad: bytes = b"",
    psk: tuple[bytes, bytes] | None = None,
) -> tuple[bytes, bytes]:
    """Return (enc, ct) by RFC 9180 in single shot under a given ephemeral key, which no library
    takes. `psk` is (key, id), for mode_psk; `recipient` is DEVICE_SEALING without another."""
    public = DEVICE_SEALING.public.to_bytes() if recipient is None else recipient
    own = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = own.public_key().public_bytes_raw()
    dh = own.exchange(X25519PublicKey.from_public_bytes(public))
    prk = _extract(KEM_ID, b"", b"eae_prk", dh)
    shared = _expand(KEM_ID, prk, b"shared_secret", enc + public, 32)
    secret_psk, psk_id = psk or (b"", b"")
    context = bytes([1 if psk else 0])
    context += _extract(SUITE_ID, b"", b"psk_id_hash", psk_id)
    context += _extract(SUITE_ID, b"", b"info_hash", info)
    secret = _extract(SUITE_ID, shared, b"secret", secret_psk)
    key = _expand(SUITE_ID, secret, b"key", context, 32)
    nonce = _expand(SUITE_ID, secret, b"base_nonce", context, 12)
    return enc, AESGCM(key).encrypt(nonce, plain, aad)


def _extract(suite: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt, b"HPKE-v1" + suite + label + ikm, "sha256")


def _expand(suite: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    # One block of HKDF-Expand is enough for 32 bytes.
    text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + info + b"\x01"
    return hmac.digest(prk, text, "sha256")[:length]


def wrapped(
    claims: Case, *, label: bytes = b"geobuk-licence-v1", key: bytes = KEY.value, aad: bytes = b""
) -> Case:
    """Return the `wrapped_key` of a licence or a lease with these claims."""
    text = canonical_json(claims)
    info = label + hashlib.sha256(text).digest()
    enc, ct = hpke_seal(key, info=info, ephemeral=drawn(32, label, text), aad=aad)
    return {"suite": "X25519", "enc": b64u(enc), "ct": b64u(ct)}


def signed_by_secret(claims: Case, kind: str, secret: bytes) -> str:
    """Return a JWS with HS256 whose secret is a public key: the classic confusion."""
    head = canonical_json({"alg": "HS256", "typ": kind})
    text = f"{b64u(head)}.{b64u(canonical_json(claims))}"
    return f"{text}.{b64u(hmac.digest(secret, text.encode(), hashlib.sha256))}"


def with_second_signature(jws: str) -> str:
    """Return `jws` with S + L in place of S, which a lax verifier takes (RFC 8032, 5.1.7)."""
    head, body, signature = jws.split(".")
    raw = from_b64u(signature)
    scalar = int.from_bytes(raw[32:], "little") + GROUP_ORDER
    return f"{head}.{body}.{b64u(raw[:32] + scalar.to_bytes(32, 'little'))}"


def flipped(data: bytes, position: int) -> bytes:
    """Return `data` with one bit of one byte changed."""
    changed = bytearray(data)
    changed[position] ^= 1
    return bytes(changed)
