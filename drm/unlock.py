"""Unlock documents: what opens a buyer's purchases after the end of the shop
(docs/format-v1.md, section 17).

They are handed out while the shop lives and open nothing until it ends: the content keys in
them are sealed to the recipient and, by HPKE's PSK mode, under an activation secret that the
shop, or enough of its trustees, publishes on that day.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from drm.encoding import (
    b64u,
    canonical_json,
    from_b64u,
    member,
    parse_object,
    time_from,
    time_to_claim,
)
from drm.errors import (
    AuthenticationError,
    FormatError,
    OtherContentError,
    OtherDeviceError,
    UnsupportedError,
)
from drm.hpke import SharedSecret, seal, unseal
from drm.keys import (
    KEY_SIZE,
    ContentKey,
    IdentityKey,
    IdentityPublicKey,
    SealingKey,
    _Secret,
)
from drm.manifest import Manifest, check_key
from drm.rights import Action, Rights, decide
from drm.signed import require_version, sign, verify
from drm.wrapping import DeviceKeys, bound_info

__all__ = [
    "Activation",
    "ActivationSecret",
    "Grant",
    "OpenedUnlock",
    "Unlock",
    "UnlockGrant",
    "open_unlock",
    "read_activation",
    "read_unlock",
    "sign_unlock",
    "write_activation",
]

KIND: Final = "geobuk-unlock+jws"
VERSION: Final = 1
KNOWN: Final = frozenset(
    {"v", "id", "issuer", "iat", "sub", "device", "commitment", "grants", "wrapped_keys", "crit"}
)
# Section 17.1: HPKE info = label ‖ SHA-256(canonical JSON of the claims without the keys).
INFO_LABEL: Final = b"geobuk-unlock-v1"
# Section 17.2: what the secret is known by before it is known.
COMMITMENT_LABEL: Final = b"geobuk-activation-commitment-v1"
ACTIVATION: Final = "geobuk-activation"
ACTIVATION_SIZE: Final = 64 * 1024


class ActivationSecret(_Secret):
    """The 32 bytes that make the unlock documents of a shop open, once they are published."""

    __slots__ = ()

    @property
    def commitment(self) -> bytes:
        """The 32 bytes in every unlock document that this secret, and no other, fits."""
        return hashlib.sha256(COMMITMENT_LABEL + b"\x00" + self._value).digest()

    def shared(self) -> SharedSecret:
        """The secret as HPKE's pre-shared key, named by its commitment."""
        return SharedSecret(psk_id=self.commitment, psk=self._value)


@dataclass(frozen=True, kw_only=True)
class UnlockGrant:
    """A purchase to go into an unlock document, with the key that opens it."""

    package_id: str
    title: str
    rights: Rights
    manifest: Manifest
    key: ContentKey = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A purchase that an unlock document names."""

    package_id: str
    version: int
    title: str
    rights: Rights
    key_commitment: bytes


@dataclass(frozen=True, kw_only=True)
class Unlock:
    """An unlock document, verified. `recipient` is the thumbprint of the identity key of the
    device, or of the recovery key, that it is for."""

    document_id: str
    issuer_name: str
    issued_at: datetime
    subject: str
    recipient: str
    commitment: bytes
    grants: tuple[Grant, ...]
    claims: Mapping[str, Any] = field(repr=False, compare=False)

    def require_genuine(self, secret: ActivationSecret) -> None:
        """Raises AuthenticationError where `secret` is not the one the shop committed to."""
        if not hmac.compare_digest(secret.commitment, self.commitment):
            raise AuthenticationError(
                "This activation does not belong to your unlock document, so it opens nothing. "
                "Get the activation file of this shop."
            )

    def grant(self, package_id: str) -> Grant:
        """What the document says of a package. Raises OtherContentError where it names it not."""
        for grant in self.grants:
            if grant.package_id == package_id:
                return grant
        raise OtherContentError("Your unlock document does not name this content.")


@dataclass(frozen=True, kw_only=True)
class OpenedUnlock:
    """What an unlock document permits of one package, and the key to do it with."""

    rights: Rights
    content_key: ContentKey = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class Activation:
    """The published end of a shop: its secret, and which shop says so."""

    secret: ActivationSecret = field(repr=False)
    shop: str
    root_public: IdentityPublicKey


def sign_unlock(  # noqa: PLR0913 - the document says this much, and each by its name
    *,
    issuer: IdentityKey,
    kid: str,
    document_id: str,
    issuer_name: str,
    subject: str,
    recipient: DeviceKeys,
    grants: Sequence[UnlockGrant],
    secret: ActivationSecret,
    now: datetime,
) -> str:
    """Return the unlock document of `recipient` for its purchases, a compact JWS.

    Raises KeyMismatchError where a key is not its manifest's, FormatError for rights that
    need a lease: what is lent or rented ends with the shop.
    """
    for grant in grants:
        check_key(grant.manifest, grant.key)
        if grant.rights.lease is not None:
            raise FormatError("Only what was bought for good goes into an unlock document.")
    claims: dict[str, Any] = {
        "v": VERSION,
        "id": document_id,
        "issuer": issuer_name,
        "iat": time_to_claim(now),
        "sub": subject,
        "device": recipient.identity_public.thumbprint,
        "commitment": b64u(secret.commitment),
        "grants": [_grant_claims(grant) for grant in grants],
    }
    enc, sealed = seal(
        b"".join(grant.key.to_bytes() for grant in grants),
        recipient=recipient.sealing_public,
        info=bound_info(claims, INFO_LABEL),
        shared=secret.shared(),
    )
    wrapped = {"suite": recipient.sealing_public.suite, "enc": b64u(enc), "ct": b64u(sealed)}
    return sign({**claims, "wrapped_keys": wrapped}, key=issuer, kind=KIND, header={"kid": kid})


def read_unlock(jws: str | bytes, *, issuer_public: IdentityPublicKey) -> Unlock:
    """Return what the unlock document says; its keys stay sealed.

    Raises AuthenticationError, FormatError, UnsupportedError.
    """
    claims = verify(jws, public=issuer_public, kind=KIND)
    require_version(claims, version=VERSION, known=KNOWN)
    commitment = from_b64u(claims.get("commitment"))
    recipient = member(claims, "device", str)
    member(claims, "wrapped_keys", dict)
    if len(commitment) != KEY_SIZE or not recipient.isascii():
        raise FormatError("The unlock document is malformed. Get it again from the shop.")
    return Unlock(
        document_id=member(claims, "id", str),
        issuer_name=member(claims, "issuer", str),
        issued_at=time_from(claims, "iat"),
        subject=member(claims, "sub", str),
        recipient=recipient,
        commitment=commitment,
        grants=tuple(_grant(entry) for entry in member(claims, "grants", list)),
        claims=claims,
    )


def open_unlock(
    unlock: Unlock,
    *,
    package_id: str,
    manifest: Manifest,
    identity: IdentityPublicKey,
    sealing_key: SealingKey,
    secret: ActivationSecret,
    action: Action,
) -> OpenedUnlock:
    """Return the content key of a package, where the document permits `action`.

    Raises AuthenticationError for another activation, OtherDeviceError, OtherContentError,
    RightAbsentError, KeyMismatchError.
    """
    unlock.require_genuine(secret)
    if not hmac.compare_digest(unlock.recipient, identity.thumbprint):
        raise OtherDeviceError(
            "This unlock document is for another device or recovery key. Use the one of this one."
        )
    grant = unlock.grant(package_id)
    same_key = hmac.compare_digest(grant.key_commitment, manifest.key_commitment)
    if not same_key or grant.version != manifest.version:
        raise OtherContentError
    decide(grant.rights, action)
    position = unlock.grants.index(grant)
    key = _keys(unlock, sealing_key, secret)[position]
    check_key(manifest, key)
    return OpenedUnlock(rights=grant.rights, content_key=key)


def write_activation(
    secret: ActivationSecret, *, shop: str, root_public: IdentityPublicKey
) -> bytes:
    """Return the activation file that ends a shop: to be published, and kept secret until then.

    `shop` is the shop's name, for people.
    """
    return canonical_json(
        {
            "kind": ACTIVATION,
            "v": VERSION,
            "shop": shop,
            "root_key": b64u(root_public.to_bytes()),
            "commitment": b64u(secret.commitment),
            "secret": b64u(secret.to_bytes()),
        }
    )


def read_activation(data: bytes) -> Activation:
    """Return the activation in a file. It is genuine only where `require_genuine` says so.

    Raises FormatError, AuthenticationError where it contradicts itself, UnsupportedError.
    """
    try:
        claims = parse_object(data) if len(data) <= ACTIVATION_SIZE else {}
    except FormatError:
        claims = {}
    if claims.get("kind") != ACTIVATION:
        raise FormatError("This is not an activation file of a Geobuk shop. Get it again.")
    if member(claims, "v", int) != VERSION:
        raise UnsupportedError("This activation file has an unknown version. Update this program.")
    secret = ActivationSecret(from_b64u(claims.get("secret")))
    if not hmac.compare_digest(from_b64u(claims.get("commitment")), secret.commitment):
        raise AuthenticationError("The activation file was changed on its way. Get it again.")
    return Activation(
        secret=secret,
        shop=member(claims, "shop", str),
        root_public=IdentityPublicKey(from_b64u(claims.get("root_key"))),
    )


def _keys(unlock: Unlock, sealing_key: SealingKey, secret: ActivationSecret) -> list[ContentKey]:
    """The content keys in the order of the grants."""
    wrapped = member(unlock.claims, "wrapped_keys", dict)
    if member(wrapped, "suite", str) != sealing_key.suite:
        raise UnsupportedError("The document uses an unknown sealing suite. Update this program.")
    bound = {name: value for name, value in unlock.claims.items() if name != "wrapped_keys"}
    opened = unseal(
        from_b64u(wrapped.get("enc")),
        from_b64u(wrapped.get("ct")),
        key=sealing_key,
        info=bound_info(bound, INFO_LABEL),
        shared=secret.shared(),
    )
    if len(opened) != KEY_SIZE * len(unlock.grants):
        raise FormatError("The unlock document does not hold a key for each purchase.")
    return [ContentKey(opened[at : at + KEY_SIZE]) for at in range(0, len(opened), KEY_SIZE)]


def _grant_claims(grant: UnlockGrant) -> dict[str, Any]:
    return {
        "package": grant.package_id,
        "version": grant.manifest.version,
        "key_commitment": b64u(grant.manifest.key_commitment),
        "title": grant.title,
        "rights": grant.rights.to_claims(),
    }


def _grant(claims: object) -> Grant:
    if not isinstance(claims, dict):
        raise FormatError("The unlock document is malformed. Get it again from the shop.")
    rights = Rights.from_claims(member(claims, "rights", dict))
    if rights.lease is not None:
        raise FormatError("The unlock document names what needs a lease. Get it again.")
    return Grant(
        package_id=member(claims, "package", str),
        version=member(claims, "version", int),
        title=member(claims, "title", str),
        rights=rights,
        key_commitment=from_b64u(claims.get("key_commitment")),
    )
