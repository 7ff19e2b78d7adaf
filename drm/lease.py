"""A lease: the shop's signed word, for a few days, that a device may open a leased licence,
with the content key sealed inside (docs/format-v1.md, section 13)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from drm.encoding import from_b64u, member, parse_object, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import ContentKey, IdentityKey, IdentityPublicKey, SealingKey
from drm.signed import document_hash, require_nonce, require_version, sign, verify
from drm.wrapping import DeviceKeys, unwrap_from, wrap_into

__all__ = ["Lease", "lease_key", "sign_lease", "verify_lease"]

KIND: Final = "geobuk-lease+jws"
VERSION: Final = 1
INFO_LABEL: Final = b"geobuk-lease-v1"
KNOWN: Final = frozenset(
    {
        "v",
        "id",
        "licence",
        "licence_hash",
        "device",
        "iat",
        "exp",
        "counter",
        "epoch",
        "first_play",
        "plays",
        "nonce",
        "wrapped_key",
        "crit",
    }
)
# Section 13.2: the end is told to the hour, so that it does not tell when the buyer was there.
EXPIRY_STEP: Final = 3600


@dataclass(frozen=True, kw_only=True)
class Lease:
    """A lease, verified. `issued_at` is the shop's clock; `counter` grows with each lease of
    the device, `epoch` with each fresh start of its record; `first_play` and `plays` are what
    the shop knows of the playing before this lease."""

    lease_id: str
    licence_id: str
    licence_hash: str
    device: str
    issued_at: datetime
    expires: datetime
    counter: int
    epoch: int
    first_play: datetime | None
    plays: int
    claims: Mapping[str, Any] = field(repr=False, compare=False)


def sign_lease(  # noqa: PLR0913 - a lease says this much, and each by its name
    *,
    issuer: IdentityKey,
    kid: str,
    lease_id: str,
    licence: str,
    device: DeviceKeys,
    key: ContentKey,
    now: datetime,
    expires: datetime,
    counter: int,
    epoch: int,
    nonce: str,
    first_play: datetime | None = None,
    plays: int | None = None,
) -> str:
    """Return a lease of `licence` (its JWS) for `device`, until `expires` rounded up to the hour.

    `nonce` is the device's question. Raises FormatError where `licence` is for another device
    or a value cannot be written.
    """
    licence_claims = parse_object(from_b64u(licence.split(".")[1]))
    if member(licence_claims, "device", str) != device.identity_public.thumbprint:
        raise FormatError("The licence is for another device. Issue this device its own first.")
    if expires <= now:
        raise FormatError("A lease must end after it begins.")
    require_nonce(nonce)
    claims: dict[str, Any] = {
        "v": VERSION,
        "id": lease_id,
        "licence": member(licence_claims, "id", str),
        "licence_hash": document_hash(licence),
        "device": device.identity_public.thumbprint,
        "iat": time_to_claim(now),
        "exp": -(-time_to_claim(expires) // EXPIRY_STEP) * EXPIRY_STEP,
        "counter": counter,
        "epoch": epoch,
        "first_play": None if first_play is None else time_to_claim(first_play),
        "plays": plays,
        "nonce": nonce,
    }
    whole = wrap_into(claims, key=key, recipient=device.sealing_public, label=INFO_LABEL)
    return sign(whole, key=issuer, kind=KIND, header={"kid": kid})


def verify_lease(
    jws: str, *, issuer_public: IdentityPublicKey, licence: str, device: str, nonce: str | None
) -> Lease:
    """Return the lease that `issuer_public` signed for `licence` (its JWS) and `device` (a
    thumbprint).

    `nonce` is the one that was asked with, or None for a lease from the device's own store.
    Raises AuthenticationError for another licence, device, question or signer, FormatError for
    what is no lease.
    """
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    _require_same(
        claims, "licence_hash", document_hash(licence), "This lease is for another licence."
    )
    _require_same(claims, "device", device, "This lease is for another device.")
    require_nonce(member(claims, "nonce", str))
    if nonce is not None:
        _require_same(claims, "nonce", nonce, "This lease answers an older question.")
    member(claims, "wrapped_key", dict)
    return _read(claims)


def lease_key(lease: Lease, *, sealing_key: SealingKey) -> ContentKey:
    """Return the content key in `lease`. Raises KeyMismatchError, UnsupportedError, FormatError."""
    return unwrap_from(lease.claims, sealing_key=sealing_key, label=INFO_LABEL)


def _read(claims: Mapping[str, Any]) -> Lease:
    for name in ("first_play", "plays"):
        # A lost member would read as “never played”.
        if name not in claims:
            raise FormatError(f"“{name}” is missing. Go online and fetch the lease again.")
    lease = Lease(
        lease_id=member(claims, "id", str),
        licence_id=member(claims, "licence", str),
        licence_hash=member(claims, "licence_hash", str),
        device=member(claims, "device", str),
        issued_at=time_from(claims, "iat"),
        expires=time_from(claims, "exp"),
        counter=member(claims, "counter", int),
        epoch=member(claims, "epoch", int),
        first_play=None if claims["first_play"] is None else time_from(claims, "first_play"),
        plays=0 if claims["plays"] is None else member(claims, "plays", int),
        claims=claims,
    )
    if lease.expires <= lease.issued_at or min(lease.counter, lease.epoch, lease.plays) < 0:
        raise FormatError("The lease contradicts itself. Go online and fetch it again.")
    return lease


def _require_same(claims: Mapping[str, Any], name: str, expected: str, refusal: str) -> None:
    value = member(claims, name, str)
    # isascii, as half a character has no bytes to compare.
    if not value.isascii() or not hmac.compare_digest(value.encode(), expected.encode()):
        raise AuthenticationError(f"{refusal} Go online and fetch it again.")
