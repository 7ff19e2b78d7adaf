"""What the shop's root signs: certificates of issuer keys, the keyring of all of them, and the
root that follows it (docs/format-v1.md, sections 8 and 16).

A document is judged by the time it was issued: an expired certificate never kills a licence
that was issued while it was valid.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from drm.encoding import b64u, from_b64u, member, time_from, time_to_claim
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import key_hint, require_version, sign, verify

__all__ = [
    "IssuerCertificate",
    "Keyring",
    "RootChange",
    "find_issuer",
    "follow_roots",
    "sign_issuer_certificate",
    "sign_keyring",
    "sign_root_acceptance",
    "sign_root_change",
    "verify_issuer_certificate",
    "verify_keyring",
    "verify_root_change",
]

KIND: Final = "geobuk-issuer+jws"
VERSION: Final = 1
KNOWN: Final = frozenset({"v", "kid", "key", "nbf", "exp", "crit"})

KEYRING_KIND: Final = "geobuk-keyring+jws"
KEYRING_KNOWN: Final = frozenset({"v", "sequence", "iat", "issuers", "retired", "crit"})
ROOT_KIND: Final = "geobuk-root+jws"
ROOT_KNOWN: Final = frozenset({"v", "sequence", "iat", "old", "new", "acceptance", "crit"})
# Section 16.2: what the new root signs to show that somebody holds it.
ACCEPTANCE_CONTEXT: Final = b"geobuk-root-acceptance-v1"
# Sections 16.1 and 16.2: nobody changes keys so often, and each one costs a signature to check.
MOST_ISSUERS: Final = 256
MOST_ROOT_CHANGES: Final = 64
MOST_SEQUENCE: Final = 2**53 - 1


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
    raise _unknown_issuer()


@dataclass(frozen=True, kw_only=True)
class Keyring:
    """Every issuer key of a shop, and which of them sign no more.

    `certificates` are the documents behind `issuers`, in the same order.
    """

    sequence: int
    issued_at: datetime
    issuers: tuple[IssuerCertificate, ...]
    certificates: tuple[str, ...]
    retired: Mapping[str, datetime]

    def certificate(self, document: str | bytes) -> IssuerCertificate:
        """Return the certificate of the key that `document` says it was signed by.

        The document itself is not verified here. Raises AuthenticationError, FormatError.
        """
        kid = key_hint(document)
        for certificate in self.issuers:
            if certificate.kid == kid:
                return certificate
        raise _unknown_issuer()


def sign_keyring(
    *,
    root: IdentityKey,
    sequence: int,
    issuers: Sequence[str],
    retired: Mapping[str, datetime],
    now: datetime,
) -> str:
    """Return the root's list of its issuer certificates, retired ones with them.

    `retired` says since when a key signs no more. `sequence` grows with each keyring of a
    shop. Raises AuthenticationError for a certificate of another root, FormatError.
    """
    claims = {
        "v": VERSION,
        "sequence": sequence,
        "iat": time_to_claim(now),
        "issuers": list(issuers),
        "retired": {kid: time_to_claim(at) for kid, at in retired.items()},
    }
    jws = sign(claims, key=root, kind=KEYRING_KIND, header={"kid": root.public.thumbprint})
    verify_keyring(jws, root_public=root.public)
    return jws


def verify_keyring(
    jws: str, *, root_public: IdentityPublicKey, lowest_sequence: int = 0
) -> Keyring:
    """Return the keyring that the root signed; one below `lowest_sequence` is an old one.

    Raises AuthenticationError for it, and for a certificate of another root; FormatError.
    """
    claims = verify(jws, public=root_public, kind=KEYRING_KIND)
    require_version(claims, version=VERSION, known=KEYRING_KNOWN)
    sequence = _sequence(claims)
    if sequence < lowest_sequence:
        raise AuthenticationError(
            "This list of the shop's keys is older than one seen before. Ask the shop again."
        )
    listed, retired = member(claims, "issuers", list), member(claims, "retired", dict)
    if not 0 < len(listed) <= MOST_ISSUERS:
        raise FormatError(f"A keyring lists 1 to {MOST_ISSUERS} issuer keys.")
    if not all(isinstance(certificate, str) for certificate in listed):
        raise FormatError("The keyring holds something that is no certificate.")
    issuers = tuple(verify_issuer_certificate(c, root_public=root_public) for c in listed)
    kids = {certificate.kid for certificate in issuers}
    if len(kids) != len(issuers) or not kids.issuperset(retired):
        raise FormatError("The keyring names a key twice, or retires one that it does not list.")
    return Keyring(
        sequence=sequence,
        issued_at=time_from(claims, "iat"),
        issuers=issuers,
        certificates=tuple(listed),
        retired={kid: time_from(retired, kid) for kid in retired},
    )


@dataclass(frozen=True, kw_only=True)
class RootChange:
    """That the root `old` named `new` as the one that follows it."""

    sequence: int
    issued_at: datetime
    old: IdentityPublicKey
    new: IdentityPublicKey


def sign_root_acceptance(
    new_root: IdentityKey, *, old_root: IdentityPublicKey, sequence: int
) -> bytes:
    """Return the 64 bytes by which a new root proves itself, for this one change."""
    return new_root.sign(_acceptance(old_root, new_root.public, sequence))


def sign_root_change(
    *,
    root: IdentityKey,
    new_root: IdentityPublicKey,
    acceptance: bytes,
    sequence: int,
    now: datetime,
) -> str:
    """Return the present root's word that `new_root` follows it (section 16.2).

    `acceptance` is what the new root signed (sign_root_acceptance). `sequence` grows with
    each change of a shop's root. Raises AuthenticationError where the new root did not sign
    for this change, FormatError where it is the old one.
    """
    claims = {
        "v": VERSION,
        "sequence": sequence,
        "iat": time_to_claim(now),
        "old": root.public.jwk(),
        "new": new_root.jwk(),
        "acceptance": b64u(acceptance),
    }
    jws = sign(claims, key=root, kind=ROOT_KIND, header={"kid": root.public.thumbprint})
    verify_root_change(jws, root_public=root.public)
    return jws


def verify_root_change(jws: str, *, root_public: IdentityPublicKey) -> RootChange:
    """Return the change that both roots signed. Raises AuthenticationError, FormatError."""
    claims = verify(jws, public=root_public, kind=ROOT_KIND)
    require_version(claims, version=VERSION, known=ROOT_KNOWN)
    change = RootChange(
        sequence=_sequence(claims),
        issued_at=time_from(claims, "iat"),
        old=IdentityPublicKey.from_jwk(claims.get("old")),
        new=IdentityPublicKey.from_jwk(claims.get("new")),
    )
    if change.old != root_public or change.new == change.old:
        raise FormatError("The change of the shop's root key names the wrong keys.")
    statement = _acceptance(change.old, change.new, change.sequence)
    change.new.verify(from_b64u(claims.get("acceptance")), statement)
    return change


def follow_roots(changes: Sequence[str], *, pinned: IdentityPublicKey) -> IdentityPublicKey:
    """Return the root that `changes` lead to from the pinned one; their order does not matter.

    What the root at hand did not sign is passed over, and sequences must grow along the way,
    so no loop can be walked. Raises AuthenticationError where one root named two that follow
    it, as only a stolen or careless root does; FormatError for too many changes.
    """
    if len(changes) > MOST_ROOT_CHANGES:
        raise FormatError(f"A shop document has at most {MOST_ROOT_CHANGES} changes of its root.")
    root, sequence = pinned, -1
    while True:
        steps = [c for c in _changes_of(root, changes) if c.sequence > sequence]
        if not steps:
            return root
        if len({step.new for step in steps}) > 1:
            raise AuthenticationError(
                "The shop's root key names two keys that follow it. Ask the shop's people first."
            )
        root, sequence = steps[0].new, min(step.sequence for step in steps)


def _changes_of(root: IdentityPublicKey, changes: Sequence[str]) -> Iterator[RootChange]:
    for jws in changes:
        try:
            yield verify_root_change(jws, root_public=root)
        except DrmError:
            continue


def _acceptance(old: IdentityPublicKey, new: IdentityPublicKey, sequence: int) -> bytes:
    return b"\x00".join(
        (ACCEPTANCE_CONTEXT, old.to_bytes() + new.to_bytes() + sequence.to_bytes(8, "big"))
    )


def _sequence(claims: Mapping[str, object]) -> int:
    sequence = member(claims, "sequence", int)
    if not 0 <= sequence <= MOST_SEQUENCE:
        raise FormatError("The sequence of this document is out of range.")
    return sequence


def _unknown_issuer() -> AuthenticationError:
    return AuthenticationError(
        "This document was not signed by a key of this shop. Sign in to the shop again."
    )
