"""A licence: one package for one device, signed, with the content key sealed inside
(docs/format-v1.md, section 6).

It fails closed, in this order: signature → version and critical members → status → device →
content → time → rights → unwrapping → key commitment.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from drm.encoding import b64u, canonical_json, from_b64u, member, time_from, time_to_claim
from drm.errors import (
    AuthenticationError,
    ExpiredError,
    FormatError,
    NotYetValidError,
    OtherContentError,
    OtherDeviceError,
    UnsupportedError,
)
from drm.hpke import seal, unseal
from drm.keys import ContentKey, IdentityKey, IdentityPublicKey, SealingKey, SealingPublicKey
from drm.manifest import Manifest, check_key
from drm.rights import Action, Rights, decide
from drm.signed import require_version, sign, verify
from drm.status import Status

__all__ = [
    "DeviceKeys",
    "LicenceClaims",
    "OpenedLicence",
    "issue_licence",
    "open_licence",
    "peek_licence",
]

KIND: Final = "geobuk-licence+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {
        "v",
        "id",
        "issuer",
        "iat",
        "nbf",
        "exp",
        "sub",
        "device",
        "content",
        "rights",
        "wrapped_key",
        "links",
        "crit",
    }
)
# Section 6.4: HPKE info = label ‖ SHA-256(canonical JSON of the claims without the key).
INFO_LABEL: Final = b"geobuk-licence-v1"


@dataclass(frozen=True, kw_only=True)
class DeviceKeys:
    """The public keys of the device that a licence is for."""

    identity_public: IdentityPublicKey
    sealing_public: SealingPublicKey


@dataclass(frozen=True, kw_only=True)
class LicenceClaims:
    """What a licence says, verified. `device` is a thumbprint, `not_before` and `expires`
    are None where the licence has no such limit."""

    licence_id: str
    issuer_name: str
    issued_at: datetime
    not_before: datetime | None
    expires: datetime | None
    subject: str
    device: str
    package_id: str
    version: int
    key_commitment: bytes
    rights: Rights
    links: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class OpenedLicence:
    """A licence that permits what was asked, and the key to do it with."""

    claims: LicenceClaims
    rights: Rights
    content_key: ContentKey = field(repr=False)


def issue_licence(  # noqa: PLR0913 - a licence says this much, and each by its name
    *,
    issuer: IdentityKey,
    kid: str,
    licence_id: str,
    issuer_name: str,
    device: DeviceKeys,
    subject: str,
    package_id: str,
    manifest: Manifest,
    version: int,
    rights: Rights,
    key: ContentKey,
    now: datetime,
    not_before: datetime | None = None,
    expires: datetime | None = None,
    links: Mapping[str, str] | None = None,
) -> str:
    """Return the licence of `device` for the package, a compact JWS signed by `issuer`.

    A perpetual licence has neither `not_before` nor `expires`, so that a device whose clock
    is wrong opens it too. Raises KeyMismatchError where `key` is not the manifest's.
    """
    check_key(manifest, key)
    if version != manifest.version:
        raise FormatError("The licence and the manifest name different versions.")
    claims: dict[str, Any] = {
        "v": VERSION,
        "id": licence_id,
        "issuer": issuer_name,
        "iat": time_to_claim(now),
        "nbf": None if not_before is None else time_to_claim(not_before),
        "exp": None if expires is None else time_to_claim(expires),
        "sub": subject,
        "device": device.identity_public.thumbprint,
        "content": {
            "package": package_id,
            "version": version,
            "key_commitment": b64u(manifest.key_commitment),
        },
        "rights": rights.to_claims(),
        "links": dict(links or {}),
    }
    recipient = device.sealing_public
    enc, sealed = seal(key.to_bytes(), recipient=recipient, info=_info(claims))
    claims["wrapped_key"] = {"suite": recipient.suite, "enc": b64u(enc), "ct": b64u(sealed)}
    return sign(claims, key=issuer, kind=KIND, header={"kid": kid})


def peek_licence(jws: str, *, issuer_public: IdentityPublicKey) -> LicenceClaims:
    """Return what the licence says, verified but not opened.

    Raises AuthenticationError, FormatError, UnsupportedError.
    """
    return _read(_verified(jws, issuer_public))


def open_licence(  # noqa: PLR0913 - each is a question the licence must answer
    jws: str,
    *,
    issuer_public: IdentityPublicKey,
    identity: IdentityPublicKey,
    sealing_key: SealingKey,
    package_id: str,
    manifest: Manifest,
    now: datetime,
    action: Action,
    status: Status | None = None,
) -> OpenedLicence:
    """Return the content key, where the licence permits `action` here and now.

    `status` is the shop's last word, where one is known; it outranks the licence. Raises
    LicenceRefusedError with the reason, or another DrmError where the licence is no
    genuine, whole licence.
    """
    raw = _verified(jws, issuer_public)
    claims = _read(raw)
    if status is not None:
        if status.licence_id != claims.licence_id:
            raise AuthenticationError("The shop answered about another licence. Ask again.")
        status.require_open()
    _decide(claims, identity=identity, package_id=package_id, manifest=manifest, now=now)
    decide(claims.rights, action)
    key = _unwrap(raw, sealing_key)
    check_key(manifest, key)
    return OpenedLicence(claims=claims, rights=claims.rights, content_key=key)


def _decide(
    claims: LicenceClaims,
    *,
    identity: IdentityPublicKey,
    package_id: str,
    manifest: Manifest,
    now: datetime,
) -> None:
    """Raises LicenceRefusedError for another device, other content or another time."""
    if now.tzinfo is None:
        raise ValueError("a time without a zone is not a moment")
    if not hmac.compare_digest(claims.device, identity.thumbprint):
        raise OtherDeviceError
    same_content = hmac.compare_digest(claims.package_id.encode(), package_id.encode())
    same_key = hmac.compare_digest(claims.key_commitment, manifest.key_commitment)
    if not same_content or not same_key or claims.version != manifest.version:
        raise OtherContentError
    if claims.not_before is not None and now < claims.not_before:
        raise NotYetValidError
    if claims.expires is not None and now >= claims.expires:
        raise ExpiredError


def _verified(jws: str, issuer_public: IdentityPublicKey) -> dict[str, Any]:
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    return claims


def _read(claims: Mapping[str, Any]) -> LicenceClaims:
    content = member(claims, "content", dict)
    links = member(claims, "links", dict)
    if not all(isinstance(link, str) for link in links.values()):
        raise FormatError("“links” is malformed. Get this document again from the shop.")
    device = member(claims, "device", str)
    if not device.isascii():
        raise FormatError("“device” is malformed. Get this document again from the shop.")
    return LicenceClaims(
        licence_id=member(claims, "id", str),
        issuer_name=member(claims, "issuer", str),
        issued_at=time_from(claims, "iat"),
        not_before=_time_or_none(claims, "nbf"),
        expires=_time_or_none(claims, "exp"),
        subject=member(claims, "sub", str),
        device=device,
        package_id=member(content, "package", str),
        version=member(content, "version", int),
        key_commitment=from_b64u(content.get("key_commitment")),
        rights=Rights.from_claims(member(claims, "rights", dict)),
        links=links,
    )


def _time_or_none(claims: Mapping[str, Any], name: str) -> datetime | None:
    # Section 6.2: the member must be there, as a lost limit would read as none.
    if name not in claims:
        raise FormatError(f"“{name}” is missing. Get this document again from the shop.")
    return None if claims[name] is None else time_from(claims, name)


def _unwrap(claims: Mapping[str, Any], sealing_key: SealingKey) -> ContentKey:
    wrapped = member(claims, "wrapped_key", dict)
    if member(wrapped, "suite", str) != sealing_key.suite:
        raise UnsupportedError("The licence uses an unknown sealing suite. Update this program.")
    bound = {name: value for name, value in claims.items() if name != "wrapped_key"}
    return ContentKey(
        unseal(
            from_b64u(wrapped.get("enc")),
            from_b64u(wrapped.get("ct")),
            key=sealing_key,
            info=_info(bound),
        )
    )


def _info(claims: Mapping[str, Any]) -> bytes:
    return INFO_LABEL + hashlib.sha256(canonical_json(claims)).digest()
