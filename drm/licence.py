"""A licence: one package for one device, signed, with the content key sealed inside
(docs/format-v1.md, section 6).

It fails closed, in this order: signature → version and critical members → status → device →
content → time, rights, lease and use (drm.decision) → unwrapping → key commitment.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from drm.decision import Clock, Decision, Usage, decide, require
from drm.encoding import b64u, from_b64u, member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError, OtherContentError, OtherDeviceError
from drm.keys import ContentKey, IdentityKey, IdentityPublicKey, SealingKey
from drm.lease import Lease, lease_key
from drm.manifest import Manifest, check_key
from drm.rights import CRITICAL_RIGHTS, Action, Rights
from drm.signed import document_hash, require_version, sign, verify
from drm.status import Status
from drm.wrapping import DeviceKeys, unwrap_from, wrap_into

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
_NO_USE: Final = Usage()


@dataclass(frozen=True, kw_only=True)
class LicenceClaims:
    """What a licence says, verified. `device` is a thumbprint, `not_before` and `expires`
    are None where the licence has no such limit. `suite` is that of the wrapped key, None where
    the key comes with a lease."""

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
    suite: str | None

    @property
    def perpetual(self) -> bool:
        """Whether it opens without lease and time limit, whatever the clock says."""
        return self.not_before is None and self.expires is None and self.rights.lease is None


@dataclass(frozen=True, kw_only=True)
class OpenedLicence:
    """A licence that permits what was asked, and the key to do it with."""

    claims: LicenceClaims
    rights: Rights
    content_key: ContentKey = field(repr=False)
    decision: Decision


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
    is wrong opens it too. One with `rights.lease` holds no key. Raises KeyMismatchError where
    `key` is not the manifest's.
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
    if rights.critical():
        claims["crit"] = list(rights.critical())
    if rights.lease is None:
        recipient = device.sealing_public
        claims = wrap_into(claims, key=key, recipient=recipient, label=INFO_LABEL)
    else:
        claims["wrapped_key"] = None
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
    lease: Lease | None = None,
    usage: Usage = _NO_USE,
    high_water: datetime | None = None,
) -> OpenedLicence:
    """Return the content key, where the licence permits `action` here and now.

    `status` is the shop's last word, where one is known; it outranks the licence. `lease`,
    `usage` and `high_water` (the latest time this device has seen) matter to a licence with
    a lease or a time limit. Raises LicenceRefusedError with the reason, or another DrmError
    where the licence is no genuine, whole licence.
    """
    raw = _verified(jws, issuer_public)
    claims = _read(raw)
    if status is not None:
        if status.licence_id not in (claims.licence_id, f"device:{claims.device}"):
            raise AuthenticationError("The shop answered about another licence. Ask again.")
        status.require_open()
    clock = Clock(now=now, high_water=high_water)
    _require_place(claims, identity=identity, package_id=package_id, manifest=manifest)
    leased = _own_lease(lease, claims, jws)
    decision = decide(
        action,
        rights=claims.rights,
        not_before=claims.not_before,
        expires=claims.expires,
        lease=leased,
        status=status,
        usage=usage,
        clock=clock,
    )
    require(decision)
    if leased is None:
        key = unwrap_from(raw, sealing_key=sealing_key, label=INFO_LABEL)
    else:
        key = lease_key(leased, sealing_key=sealing_key)
    check_key(manifest, key)
    return OpenedLicence(claims=claims, rights=claims.rights, content_key=key, decision=decision)


def _require_place(
    claims: LicenceClaims, *, identity: IdentityPublicKey, package_id: str, manifest: Manifest
) -> None:
    """Raises LicenceRefusedError for another device or other content."""
    if not hmac.compare_digest(claims.device, identity.thumbprint):
        raise OtherDeviceError
    same_content = hmac.compare_digest(claims.package_id.encode(), package_id.encode())
    same_key = hmac.compare_digest(claims.key_commitment, manifest.key_commitment)
    if not same_content or not same_key or claims.version != manifest.version:
        raise OtherContentError


def _own_lease(lease: Lease | None, claims: LicenceClaims, jws: str) -> Lease | None:
    """Return the lease where the licence needs one; one of another licence is refused."""
    if lease is None or claims.rights.lease is None:
        return None
    if lease.licence_hash != document_hash(jws) or lease.device != claims.device:
        raise AuthenticationError("This lease is for another licence. Fetch it again.")
    return lease


def _verified(jws: str, issuer_public: IdentityPublicKey) -> dict[str, Any]:
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN.union(CRITICAL_RIGHTS))
    return claims


def _read(claims: Mapping[str, Any]) -> LicenceClaims:
    content = member(claims, "content", dict)
    links = member(claims, "links", dict)
    if not all(isinstance(link, str) for link in links.values()):
        raise FormatError("“links” is malformed. Get this document again from the shop.")
    device = member(claims, "device", str)
    if not device.isascii():
        raise FormatError("“device” is malformed. Get this document again from the shop.")
    rights = Rights.from_claims(member(claims, "rights", dict))
    if not set(rights.critical()).issubset(claims.get("crit", ())):
        raise FormatError("A limit is not marked as critical. Get this licence again.")
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
        rights=rights,
        links=links,
        suite=_suite(claims, rights),
    )


def _suite(claims: Mapping[str, Any], rights: Rights) -> str | None:
    if rights.lease is None:
        return member(member(claims, "wrapped_key", dict), "suite", str)
    # A key in here would open the content without any lease.
    if claims.get("wrapped_key", "") is not None:
        raise FormatError("A leased licence must not hold the key. Get this licence again.")
    return None


def _time_or_none(claims: Mapping[str, Any], name: str) -> datetime | None:
    # Section 6.2: the member must be there, as a lost limit would read as none.
    if name not in claims:
        raise FormatError(f"“{name}” is missing. Get this document again from the shop.")
    return None if claims[name] is None else time_from(claims, name)
