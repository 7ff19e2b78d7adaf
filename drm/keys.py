"""The keys of the system; none of them shows its secret in repr (docs/format-v1.md, section 2)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final, Self

from Crypto.Protocol.DH import import_x25519_private_key, import_x25519_public_key
from Crypto.PublicKey.Hybrid import MLKEM768_X25519, HybridKey
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.encoding import b64u, canonical_json, from_b64u
from drm.errors import AuthenticationError, FormatError, UnsupportedError

__all__ = [
    "SUITES",
    "ContentKey",
    "IdentityKey",
    "IdentityPublicKey",
    "SealingKey",
    "SealingPublicKey",
    "sign_sealing_key",
    "verify_sealing_key",
]

KEY_SIZE: Final = 32
SIGNATURE_SIZE: Final = 64
SUITE_X25519: Final = "X25519"
SUITE_X_WING: Final = "X-Wing"
# Section 2.3: the sealing suites by their short names, with the bytes of a public key.
PUBLIC_SIZES: Final = {SUITE_X25519: 32, SUITE_X_WING: 1216}
SUITES: Final = tuple(PUBLIC_SIZES)

# Section 2.3: what an identity key signs to vouch for a sealing key.
SEALING_KEY_CONTEXT: Final = b"geobuk-sealing-key-v1"
# Section 2.4: HKDF info of the commitment to a content key.
COMMITMENT_CONTEXT: Final = b"geobuk-key-commitment-v1"


class _Secret:
    """32 secret bytes, compared in constant time and hidden in repr."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        if len(value) != KEY_SIZE:
            raise FormatError("A key must be 32 bytes long.")
        self._value = bytes(value)

    @classmethod
    def generate(cls) -> Self:
        """Return a new random key."""
        return cls(secrets.token_bytes(KEY_SIZE))

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Return the key in these 32 bytes. Raises FormatError."""
        return cls(value)

    def to_bytes(self) -> bytes:
        """Return the 32 secret bytes."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and hmac.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._value))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (secret)>"

    def __reduce__(self) -> str | tuple[object, ...]:
        # A pickled key would travel to queues and caches unseen.
        raise TypeError(f"{type(self).__name__} is a secret and is not pickled; use to_bytes()")


class ContentKey(_Secret):
    """The key that opens one package, 32 bytes."""

    __slots__ = ()

    @property
    def value(self) -> bytes:
        """The 32 secret bytes."""
        return self._value

    def commitment(self, seal_id: str) -> bytes:
        """Return the 32 bytes that bind this key, and no other, to the seal (section 2.4)."""
        derivation = HKDF(
            algorithm=hashes.SHA256(),
            length=32,
            salt=bytes.fromhex(seal_id),
            info=COMMITMENT_CONTEXT,
        )
        return derivation.derive(self._value)


class IdentityPublicKey:
    """An Ed25519 public key: who signed."""

    __slots__ = ("_key", "_value")

    def __init__(self, value: bytes) -> None:
        if len(value) != KEY_SIZE:
            raise FormatError("An Ed25519 public key must be 32 bytes long.")
        self._value = bytes(value)
        self._key = Ed25519PublicKey.from_public_bytes(self._value)

    @classmethod
    def from_bytes(cls, value: bytes) -> Self:
        """Return the key in these 32 bytes. Raises FormatError."""
        return cls(value)

    @classmethod
    def from_jwk(cls, jwk: object) -> Self:
        """Return the key of a public OKP JWK (RFC 8037). Raises FormatError."""
        if not isinstance(jwk, dict) or jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
            raise FormatError("The key is not an Ed25519 JWK.")
        if "d" in jwk:
            raise FormatError("The key holds its private part, which must stay on the device.")
        return cls(from_b64u(jwk.get("x")))

    def to_bytes(self) -> bytes:
        """Return the 32 bytes of the key."""
        return self._value

    def jwk(self) -> dict[str, str]:
        """Return the key as a JWK (RFC 8037, section 2)."""
        return {"crv": "Ed25519", "kty": "OKP", "x": b64u(self._value)}

    @property
    def thumbprint(self) -> str:
        """The RFC 7638 thumbprint of the JWK: base64url of SHA-256, 43 characters."""
        return b64u(hashlib.sha256(canonical_json(self.jwk())).digest())

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises AuthenticationError where `signature` is not this key's over `data`."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature as error:
            raise AuthenticationError from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, IdentityPublicKey) and self._value == other._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"<IdentityPublicKey {self.thumbprint}>"


class IdentityKey(_Secret):
    """An Ed25519 private key, kept as its 32-byte seed (RFC 8032)."""

    __slots__ = ()

    @property
    def public(self) -> IdentityPublicKey:
        """The public half."""
        private = Ed25519PrivateKey.from_private_bytes(self._value)
        return IdentityPublicKey(private.public_key().public_bytes_raw())

    def sign(self, data: bytes) -> bytes:
        """Return the 64-byte signature over `data`."""
        return Ed25519PrivateKey.from_private_bytes(self._value).sign(data)


class SealingPublicKey:
    """An HPKE public key: for whom a content key is sealed."""

    __slots__ = ("_value", "suite")

    def __init__(self, value: bytes, suite: str = SUITE_X25519) -> None:
        _require_suite(suite)
        if len(value) != PUBLIC_SIZES[suite]:
            raise FormatError(
                f"A public key of the suite {suite} must be {PUBLIC_SIZES[suite]} bytes long."
            )
        self._value = bytes(value)
        self.suite = suite
        try:
            # Section 2.3: what is sealed for a point of small order opens for everybody.
            # Of X-Wing, the coefficients of the ML-KEM half are checked too (FIPS 203, 7.2).
            if suite == SUITE_X_WING:
                HybridKey(param_set=MLKEM768_X25519, pk=self._value)
            else:
                import_x25519_public_key(self._value)
        except ValueError as error:
            raise FormatError(
                "The device's sealing key is not usable. Sign in again on it."
            ) from error

    @classmethod
    def from_bytes(cls, value: bytes, suite: str = SUITE_X25519) -> Self:
        """Return the key in these bytes. Raises FormatError, UnsupportedError."""
        return cls(value, suite)

    def to_bytes(self) -> bytes:
        """Return the bytes of the key."""
        return self._value

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SealingPublicKey) and (self.suite, self._value) == (
            other.suite,
            other._value,
        )

    def __hash__(self) -> int:
        return hash((self.suite, self._value))

    def __repr__(self) -> str:
        return f"<SealingPublicKey {self.suite} {b64u(self._value)}>"


class SealingKey(_Secret):
    """A private key that opens what HPKE sealed for this device, kept as 32 bytes.

    Of X25519 they are the scalar, of X-Wing the seed that both halves grow from
    (draft-connolly-cfrg-xwing-kem, section 5.2).
    """

    __slots__ = ("suite",)

    def __init__(self, value: bytes, suite: str = SUITE_X25519) -> None:
        _require_suite(suite)
        super().__init__(value)
        self.suite = suite

    @classmethod
    def generate(cls, suite: str = SUITE_X25519) -> Self:
        """Return a new random key of the suite. Raises UnsupportedError."""
        return cls(secrets.token_bytes(KEY_SIZE), suite)

    @classmethod
    def from_bytes(cls, value: bytes, suite: str = SUITE_X25519) -> Self:
        """Return the key in these 32 bytes. Raises FormatError, UnsupportedError."""
        return cls(value, suite)

    @property
    def public(self) -> SealingPublicKey:
        """The public half."""
        if self.suite == SUITE_X_WING:
            return SealingPublicKey(_x_wing_public(self._value), self.suite)
        private = import_x25519_private_key(self._value)
        return SealingPublicKey(private.public_key().export_key(format="raw"))

    def __eq__(self, other: object) -> bool:
        # One seed in two suites is two keys: neither opens what the other does.
        return isinstance(other, SealingKey) and self.suite == other.suite and super().__eq__(other)

    def __hash__(self) -> int:
        return hash((self.suite, self._value))


def _require_suite(suite: str) -> None:
    if suite not in PUBLIC_SIZES:
        raise UnsupportedError(f"The sealing suite “{suite}” is not known. Update this program.")


def _x_wing_public(seed: bytes) -> bytes:
    # draft-connolly-cfrg-xwing-kem, section 5.2: SHAKE256 stretches the seed to the ML-KEM
    # seed (d ‖ z, 64 bytes) and the X25519 scalar (32); the public halves stand in a row.
    stretched = hashlib.shake_256(seed).digest(96)
    ml_kem = MLKEM768PrivateKey.from_seed_bytes(stretched[:64])
    scalar = import_x25519_private_key(stretched[64:])
    point: bytes = scalar.public_key().export_key(format="raw")
    return ml_kem.public_key().public_bytes_raw() + point


def sign_sealing_key(identity: IdentityKey, sealing_public: SealingPublicKey) -> bytes:
    """Return the 64-byte signature by which `identity` vouches for `sealing_public`."""
    return identity.sign(_sealing_statement(sealing_public))


def verify_sealing_key(
    identity_public: IdentityPublicKey, sealing_public: SealingPublicKey, signature: bytes
) -> None:
    """Raises AuthenticationError where the identity does not vouch for the sealing key."""
    identity_public.verify(signature, _sealing_statement(sealing_public))


def _sealing_statement(sealing_public: SealingPublicKey) -> bytes:
    # Section 2.3: context ‖ 0x00 ‖ suite name ‖ 0x00 ‖ key bytes
    suite = sealing_public.suite.encode("ascii")
    return b"\x00".join((SEALING_KEY_CONTEXT, suite, sealing_public.to_bytes()))
