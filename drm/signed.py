"""Compact JWS with EdDSA over canonical JSON: the one signature of every document
(docs/format-v1.md, section 3).

The algorithm is ours, the key comes from the caller, and the type of the document stands in
the protected header, so that a status never passes for a licence (RFC 8725, section 3.11).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from joserfc import jws
from joserfc.errors import JoseError, UnsupportedAlgorithmError
from joserfc.jwk import OKPKey

from drm.encoding import b64u, canonical_json, from_b64u, member, parse_object
from drm.errors import AuthenticationError, FormatError, UnsupportedError
from drm.keys import IdentityKey, IdentityPublicKey

if TYPE_CHECKING:
    from joserfc._rfc7515.model import JWSAlgModel

__all__ = [
    "MAX_DOCUMENT_SIZE",
    "document_hash",
    "key_hint",
    "require_nonce",
    "require_version",
    "sign",
    "verify",
    "verify_own_key",
]

ALGORITHM: Final = "EdDSA"
# Section 3.1: bounds before anything is parsed. A manifest of 10,000 files has 2 MiB.
MAX_HEADER_SIZE: Final = 1024
MAX_DOCUMENT_SIZE: Final = 16 * 2**20
# Section 3.1: the members of a protected header.
_DOCUMENT: Final = frozenset({"alg", "typ", "kid"})
_PROOF: Final = frozenset({"alg", "typ", "jwk"})


class _Registry(jws.JWSRegistry):
    max_header_length = MAX_HEADER_SIZE
    max_payload_length = MAX_DOCUMENT_SIZE

    def get_alg(self, name: str) -> JWSAlgModel:
        # Only ever one: "EdDSA" with an Ed25519 key. joserfc warns of the name alone, since
        # RFC 9864 has "Ed25519" for it; "EdDSA" is what DPoP servers and readers know.
        if name != ALGORITHM:
            raise UnsupportedAlgorithmError(name)
        return self.algorithms[name]


_REGISTRY: Final = _Registry(algorithms=[ALGORITHM])


def sign(
    claims: Mapping[str, Any],
    *,
    key: IdentityKey,
    kind: str,
    header: Mapping[str, Any] | None = None,
) -> str:
    """Return `claims` signed by `key`, with `typ` = `kind` and further header members."""
    protected = {"alg": ALGORITHM, "typ": kind, **(header or {})}
    private = {**key.public.jwk(), "d": b64u(key.to_bytes())}
    return jws.serialize_compact(
        protected,
        canonical_json(claims),
        OKPKey.import_key({**private}),
        registry=_REGISTRY,
    )


def verify(
    token: str | bytes,
    *,
    public: IdentityPublicKey,
    kind: str,
    header_names: frozenset[str] = _DOCUMENT,
) -> dict[str, Any]:
    """Return the claims of `token`, which `public` signed as a document of type `kind`.

    `header_names` are the members that its protected header may have: a key or an
    unencoded payload (RFC 7797) in there is refused, whatever it says.

    Raises AuthenticationError for any other signer, algorithm or type, FormatError for
    what is no document, UnsupportedError for a critical header member.
    """
    text, header, payload = _split(token)
    if header.get("alg") != ALGORITHM or header.get("typ") != kind:
        raise AuthenticationError(
            "This document is not of the expected kind. Get it again from the shop."
        )
    if not header_names.issuperset(header):
        raise UnsupportedError("This document needs a newer version of this program. Update it.")
    try:
        jws.deserialize_compact(text, OKPKey.import_key({**public.jwk()}), registry=_REGISTRY)
    except (JoseError, ValueError) as error:
        raise AuthenticationError from error
    return parse_object(payload)


def verify_own_key(token: str | bytes, *, kind: str) -> tuple[IdentityPublicKey, dict[str, Any]]:
    """Return the key in the header of `token` and the claims that it signed.

    Only for proofs of possession: this says that somebody holds the key, not who.
    """
    _, header, _ = _split(token)
    public = IdentityPublicKey.from_jwk(header.get("jwk"))
    return public, verify(token, public=public, kind=kind, header_names=_PROOF)


def key_hint(token: str | bytes) -> str:
    """Return the `kid` that `token` claims, unverified: a hint which key to try."""
    return member(_split(token)[1], "kid", str)


def document_hash(document: str) -> str:
    """Return what names a signed document in another one: base64url of SHA-256 of its JWS."""
    return b64u(hashlib.sha256(document.encode()).digest())


def require_nonce(nonce: str) -> None:
    """Raises FormatError where `nonce` is too short or too long to be used once (section 7.1)."""
    if not 16 <= len(nonce) <= 128 or not nonce.isascii():
        raise FormatError("A nonce must have 16 to 128 ASCII characters. Ask with a new one.")


def require_version(claims: Mapping[str, Any], *, version: int, known: frozenset[str]) -> None:
    """Raises UnsupportedError for another version or a critical member outside `known`."""
    if member(claims, "v", int) != version:
        raise UnsupportedError("This document has an unknown version. Update this program.")
    if "crit" in claims:
        critical = member(claims, "crit", list)
        if not all(isinstance(name, str) and name in known for name in critical):
            raise UnsupportedError(
                "This document sets a condition that this program does not know. Update it."
            )


def _split(token: str | bytes) -> tuple[str, dict[str, Any], bytes]:
    if len(token) > MAX_DOCUMENT_SIZE:
        raise FormatError("This document is too large.")
    try:
        text = token.decode("ascii") if isinstance(token, bytes) else token
    except UnicodeDecodeError as error:
        raise FormatError("This document is not a signed text. Get it again.") from error
    parts = text.split(".")
    if len(parts) != 3:
        raise FormatError("This document is not a signed text. Get it again from the shop.")
    # Strict base64url in all three parts, as joserfc forgives stray bits and characters.
    header, payload, _ = (from_b64u(part) for part in parts)
    if len(header) > MAX_HEADER_SIZE:
        raise FormatError("The header of this document is too large.")
    return text, parse_object(header), payload
