"""Proof of possession of an identity key for one request: DPoP (RFC 9449) with EdDSA.

The key stands in the header, as the proof only says "whoever sent this request holds that
key". The caller compares the thumbprint with the device it knows, and remembers `jti`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from drm.encoding import b64u, member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import sign, verify_own_key

__all__ = ["PROOF_MAX_AGE", "Proof", "create_proof", "verify_proof"]

KIND: Final = "dpop+jwt"
# Either way, as clocks differ: a server keeps a `jti` for twice this long.
PROOF_MAX_AGE: Final = timedelta(seconds=60)
MAX_JTI: Final = 128

_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>\[[0-9a-f:.]+\]|[^/?#:@\s]+)(?::(?P<port>\d{1,5}))?(?P<path>/[^?#\s]*)?(?:[?#]\S*)?",
    re.IGNORECASE,
)
_DEFAULT_PORTS: Final = {"http": "80", "https": "443"}


@dataclass(frozen=True, kw_only=True)
class Proof:
    """A proof that was right: by whom, and the id that may be used once."""

    thumbprint: str
    identity_public: IdentityPublicKey
    jti: str
    issued_at: datetime
    nonce: str | None


def create_proof(
    identity: IdentityKey,
    *,
    method: str,
    url: str,
    now: datetime,
    access_token: str | None = None,
    nonce: str | None = None,
) -> str:
    """Return the value of the `DPoP` header for one request.

    `url` may carry a query, which is not part of the proof. Raises FormatError where `url`
    is not an http(s) address.
    """
    claims: dict[str, object] = {
        "htm": method.upper(),
        "htu": _normal_url(url),
        "iat": time_to_claim(now),
        "jti": b64u(secrets.token_bytes(16)),
    }
    if access_token is not None:
        claims["ath"] = _token_hash(access_token)
    if nonce is not None:
        claims["nonce"] = nonce
    return sign(claims, key=identity, kind=KIND, header={"jwk": identity.public.jwk()})


def verify_proof(
    jws: str, *, method: str, url: str, now: datetime, access_token: str | None = None
) -> Proof:
    """Return who proved to hold a key for this request (RFC 9449, section 4.3).

    Raises AuthenticationError where the proof is for another request, another token or
    another time, FormatError where it is no proof. Whether `jti` came before, and whose
    key it is, is the caller's to check.
    """
    public, claims = verify_own_key(jws, kind=KIND)
    issued_at = time_from(claims, "iat")
    jti = member(claims, "jti", str)
    if not 8 <= len(jti) <= MAX_JTI:
        raise FormatError("The id of the proof must have 8 to 128 characters.")
    if member(claims, "htm", str) != method.upper():
        raise AuthenticationError("The proof was made for another request method.")
    if _normal_url(member(claims, "htu", str)) != _normal_url(url):
        raise AuthenticationError("The proof was made for another address.")
    if abs(now - issued_at) > PROOF_MAX_AGE:
        raise AuthenticationError("The proof is too old or too new. Check this device's clock.")
    expected = None if access_token is None else _token_hash(access_token)
    presented = claims.get("ath")
    if expected is not None and not (
        isinstance(presented, str) and hmac.compare_digest(presented.encode(), expected.encode())
    ):
        raise AuthenticationError("The proof was made for another access token.")
    nonce = claims.get("nonce")
    return Proof(
        thumbprint=public.thumbprint,
        identity_public=public,
        jti=jti,
        issued_at=issued_at,
        nonce=nonce if isinstance(nonce, str) else None,
    )


def _token_hash(access_token: str) -> str:
    return b64u(hashlib.sha256(access_token.encode("utf-8")).digest())


def _normal_url(url: str) -> str:
    """Return `url` without query and fragment, by RFC 3986, sections 6.2.2 and 6.2.3."""
    match = _URL.fullmatch(url)
    if match is None:
        raise FormatError("The proof's address is not an http or https address.")
    scheme, host = match["scheme"].lower(), match["host"].lower()
    port = match["port"]
    authority = host if port in (None, _DEFAULT_PORTS[scheme]) else f"{host}:{port}"
    return f"{scheme}://{authority}{match['path'] or '/'}"
