"""A box that a passphrase opens: how a shop's master key leaves the machine it was made on.

Layout (docs/format-v1.md, "Escrow"):

    magic "GBKESCR1" (8) ‖ log2 N (1) ‖ r (1) ‖ p (1) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)

key = scrypt(passphrase in NFC and UTF-8, salt, N, r, p, 32 bytes), RFC 7914;
cipher = AES-256-GCM with everything before the ciphertext as associated data.
"""

from __future__ import annotations

import secrets
import struct
import unicodedata

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from drm.errors import AuthenticationError, FormatError

__all__ = ["MINIMUM_PASSPHRASE", "lock", "unlock"]

MAGIC = b"GBKESCR1"
HEADER = struct.Struct(">8sBBB16s12s")
LOG2_N, R, P = 17, 8, 1  # 128 MiB and about half a second, once per backup
HIGHEST_LOG2_N = 20  # what a stranger's box may cost us: 1 GiB
MINIMUM_PASSPHRASE = 12  # characters


def lock(secret: bytes, *, passphrase: str) -> bytes:
    """Return `secret` as a box that only `passphrase` opens.

    Raises ValueError for a passphrase below MINIMUM_PASSPHRASE characters.
    """
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise ValueError(f"a passphrase needs at least {MINIMUM_PASSPHRASE} characters")
    header = HEADER.pack(
        MAGIC, LOG2_N, R, P, secrets.token_bytes(16), nonce := secrets.token_bytes(12)
    )
    return header + AESGCM(_key(header, passphrase)).encrypt(nonce, secret, header)


def unlock(box: bytes, *, passphrase: str) -> bytes:
    """Return the secret in `box`.

    Raises FormatError where it is no box of ours, AuthenticationError where the
    passphrase is another one or the box was changed: the two cannot be told apart.
    """
    if len(box) < HEADER.size + 16 or box[: len(MAGIC)] != MAGIC:
        raise FormatError("this is not a key box of Geobuk")
    header = box[: HEADER.size]
    _magic, log2_n, r, p, _salt, nonce = HEADER.unpack(header)
    if not 10 <= log2_n <= HIGHEST_LOG2_N or r != R or p != P:
        raise FormatError("the key box asks for parameters that this version does not allow")
    try:
        return AESGCM(_key(header, passphrase)).decrypt(nonce, box[HEADER.size :], header)
    except InvalidTag:
        raise AuthenticationError(
            "the passphrase is not the one of this box, or the box was changed"
        ) from None


def _key(header: bytes, passphrase: str) -> bytes:
    _magic, log2_n, r, p, salt, _nonce = HEADER.unpack(header)
    kdf = Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p)
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())
