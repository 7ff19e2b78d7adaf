"""A content key sealed for one device, as the claim `wrapped_key` of a licence or a lease
(docs/format-v1.md, section 6.4)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drm.encoding import b64u, canonical_json, from_b64u, member
from drm.errors import UnsupportedError
from drm.hpke import seal, unseal
from drm.keys import ContentKey, IdentityPublicKey, SealingKey, SealingPublicKey

__all__ = ["DeviceKeys", "bound_info", "unwrap_from", "wrap_into"]


@dataclass(frozen=True, kw_only=True)
class DeviceKeys:
    """The public keys of the device that a licence is for."""

    identity_public: IdentityPublicKey
    sealing_public: SealingPublicKey


def wrap_into(
    claims: Mapping[str, Any], *, key: ContentKey, recipient: SealingPublicKey, label: bytes
) -> dict[str, Any]:
    """Return `claims` with a `wrapped_key` that opens under these very claims alone."""
    enc, sealed = seal(key.to_bytes(), recipient=recipient, info=bound_info(claims, label))
    wrapped = {"suite": recipient.suite, "enc": b64u(enc), "ct": b64u(sealed)}
    return {**claims, "wrapped_key": wrapped}


def unwrap_from(claims: Mapping[str, Any], *, sealing_key: SealingKey, label: bytes) -> ContentKey:
    """Return the key in `claims`. Raises KeyMismatchError, UnsupportedError, FormatError."""
    wrapped = member(claims, "wrapped_key", dict)
    if member(wrapped, "suite", str) != sealing_key.suite:
        raise UnsupportedError("The licence uses an unknown sealing suite. Update this program.")
    bound = {name: value for name, value in claims.items() if name != "wrapped_key"}
    enc, sealed = from_b64u(wrapped.get("enc")), from_b64u(wrapped.get("ct"))
    return ContentKey(unseal(enc, sealed, key=sealing_key, info=bound_info(bound, label)))


def bound_info(claims: Mapping[str, Any], label: bytes) -> bytes:
    """Return the HPKE info: `label` ‖ SHA-256(canonical JSON of the claims without the key)."""
    return label + hashlib.sha256(canonical_json(claims)).digest()
