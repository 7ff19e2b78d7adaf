"""Giving a licence back: the shop's signed request, and the device's signed word that it has
deleted it (docs/format-v1.md, section 15).

Both are signed: nobody in the shop's place talks a device out of what it holds, and a
handover completes on the device's own word alone.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from drm.encoding import member, time_from, time_to_claim
from drm.errors import AuthenticationError, FormatError
from drm.keys import IdentityKey, IdentityPublicKey
from drm.signed import require_nonce, require_version, sign, verify

__all__ = [
    "HANDOVERS",
    "Surrender",
    "SurrenderRequest",
    "sign_surrender",
    "sign_surrender_request",
    "verify_surrender",
    "verify_surrender_request",
]

KIND: Final = "geobuk-surrender+jws"
REQUEST_KIND: Final = "geobuk-surrender-request+jws"
VERSION: Final = 1
KNOWN: Final = frozenset({"v", "handover", "licence", "licence_hash", "device", "iat", "crit"})
REQUEST_KNOWN: Final = KNOWN | {"kind", "package", "nonce"}
# Section 15.1: what the licence is given back for; "return" ends a loan.
HANDOVERS: Final = frozenset({"loan", "gift", "transfer", "return"})


@dataclass(frozen=True, kw_only=True)
class Surrender:
    """A device's word that it has deleted a licence, and everything made from it."""

    handover_id: str
    licence_id: str
    licence_hash: str
    device: str
    issued_at: datetime


@dataclass(frozen=True, kw_only=True)
class SurrenderRequest(Surrender):
    """The shop's word that the owner asks this device to delete the licence of `package`."""

    kind: str
    package_id: str


def sign_surrender(
    *,
    identity: IdentityKey,
    licence_id: str,
    licence_hash: str,
    handover_id: str,
    now: datetime,
) -> str:
    """Return the device's word, for `handover_id`, that it has deleted the licence.

    `licence_hash` is base64url of SHA-256 of the licence's JWS, as the request names it.
    """
    claims = {
        "v": VERSION,
        "handover": handover_id,
        "licence": licence_id,
        "licence_hash": licence_hash,
        "device": identity.public.thumbprint,
        "iat": time_to_claim(now),
    }
    return sign(claims, key=identity, kind=KIND, header={"kid": identity.public.thumbprint})


def verify_surrender(jws: str, *, identity_public: IdentityPublicKey) -> Surrender:
    """Return what the device of `identity_public` signed.

    Which licence and handover it names is the caller's to compare. Raises
    AuthenticationError for another signer, FormatError for what is no surrender.
    """
    claims = verify(jws, public=identity_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    _require_device(claims, identity_public.thumbprint)
    return Surrender(**_common(claims))


def sign_surrender_request(  # noqa: PLR0913 - a request says this much, and each by its name
    *,
    issuer: IdentityKey,
    kid: str,
    handover_id: str,
    kind: str,
    package_id: str,
    licence_id: str,
    licence_hash: str,
    device: str,
    now: datetime,
    nonce: str,
) -> str:
    """Return the shop's request that `device` (a thumbprint) gives the licence back.

    `nonce` is the device's question. Raises FormatError for a kind that is none of HANDOVERS,
    or a nonce that there is not.
    """
    if kind not in HANDOVERS:
        raise FormatError(f"“{kind}” is not a kind of handover.")
    require_nonce(nonce)
    claims = {
        "v": VERSION,
        "handover": handover_id,
        "kind": kind,
        "package": package_id,
        "licence": licence_id,
        "licence_hash": licence_hash,
        "device": device,
        "iat": time_to_claim(now),
        "nonce": nonce,
    }
    return sign(claims, key=issuer, kind=REQUEST_KIND, header={"kid": kid})


def verify_surrender_request(
    jws: str, *, issuer_public: IdentityPublicKey, device: str, nonce: str
) -> SurrenderRequest:
    """Return the request that `issuer_public` signed for this device and this question.

    Raises AuthenticationError for another device, an older answer or another signer,
    FormatError for what is no request. Whoever cannot verify one deletes nothing.
    """
    require_nonce(nonce)
    claims = verify(jws, public=issuer_public, kind=REQUEST_KIND)
    require_version(claims, version=VERSION, known=REQUEST_KNOWN)
    _require_device(claims, device)
    if not hmac.compare_digest(member(claims, "nonce", str).encode(), nonce.encode()):
        raise AuthenticationError("This is the answer to an older question. Ask the shop again.")
    kind = member(claims, "kind", str)
    if kind not in HANDOVERS:
        raise FormatError("The shop asks for a licence in a way that is unknown here. Update it.")
    return SurrenderRequest(**_common(claims), kind=kind, package_id=member(claims, "package", str))


def _common(claims: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "handover_id": member(claims, "handover", str),
        "licence_id": member(claims, "licence", str),
        "licence_hash": member(claims, "licence_hash", str),
        "device": member(claims, "device", str),
        "issued_at": time_from(claims, "iat"),
    }


def _require_device(claims: Mapping[str, Any], thumbprint: str) -> None:
    value = member(claims, "device", str)
    if not hmac.compare_digest(value.encode(), thumbprint.encode()):
        raise AuthenticationError("This document is about another device, so it was not used.")
