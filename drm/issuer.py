"""Certificates: the shop's root key vouches for the key that signs from day to day
(docs/format-v1.md, section 8).

A document is judged by the time it was issued: an expired certificate never kills a licence
that was issued while it was valid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drm.encoding import member, time_from, time_to_claim
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import key_hint, require_version, sign, verify

__all__ = [
    "IssuerCertificate",
    "find_issuer",
    "sign_issuer_certificate",
    "verify_issuer_certificate",
]

KIND: Final = "geobuk-issuer+jws"
VERSION: Final = 1
KNOWN: Final = frozenset({"v", "kid", "key", "nbf", "exp", "crit"})


@dataclass(frozen=True, kw_only=True)
class IssuerCertificate:
    """That the root vouches for `public` for what is issued from `not_before` to `not_after`."""

    kid: str
    public: IdentityPublicKey
    not_before: datetime
    not_after: datetime

    def require_issued_within(self, issued_at: datetime) -> None:
        """Raises AuthenticationError where the root did not vouch for the key at that time."""
        if not self.not_before <= issued_at <= self.not_after:
            raise AuthenticationError(
                "This document was signed outside the time of the shop's key. Get it again."
            )


def sign_issuer_certificate(
    *,
    root: IdentityKey,
    issuer_public: IdentityPublicKey,
    not_before: datetime,
    not_after: datetime,
) -> str:
    """Return the root's signed word for `issuer_public`. Raises FormatError on an empty time."""
    if not_after <= not_before:
        raise FormatError("A certificate must end after it begins.")
    claims = {
        "v": VERSION,
        "kid": issuer_public.thumbprint,
        "key": issuer_public.jwk(),
        "nbf": time_to_claim(not_before),
        "exp": time_to_claim(not_after),
    }
    return sign(claims, key=root, kind=KIND, header={"kid": root.public.thumbprint})


def verify_issuer_certificate(jws: str, *, root_public: IdentityPublicKey) -> IssuerCertificate:
    """Return what the root vouches for. Raises AuthenticationError, FormatError."""
    claims = verify(jws, public=root_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    public = IdentityPublicKey.from_jwk(claims.get("key"))
    if member(claims, "kid", str) != public.thumbprint:
        raise FormatError("The certificate names another key than it holds.")
    certificate = IssuerCertificate(
        kid=public.thumbprint,
        public=public,
        not_before=time_from(claims, "nbf"),
        not_after=time_from(claims, "exp"),
    )
    if certificate.not_after <= certificate.not_before:
        raise FormatError("The certificate ends before it begins.")
    return certificate


def find_issuer(
    document: str | bytes, certificates: Sequence[str], *, root_public: IdentityPublicKey
) -> IssuerCertificate:
    """Return the certificate of the key that `document` says it was signed by.

    The document itself is not verified here: do that with the certificate's `public`.
    Certificates that the root did not sign are passed over. Raises AuthenticationError
    where none fits.
    """
    kid = key_hint(document)
    for candidate in certificates:
        try:
            certificate = verify_issuer_certificate(candidate, root_public=root_public)
        except DrmError:
            continue
        if certificate.kid == kid:
            return certificate
    raise AuthenticationError(
        "This document was not signed by a key of this shop. Sign in to the shop again."
    )
