"""Boxes that a passphrase opens (docs/format-v1.md, section 10).

Layout, version 1:

    magic (8) ‖ log2 N (1) ‖ r (1) ‖ p (1) ‖ salt (16) ‖ nonce (12) ‖ ciphertext ‖ tag (16)

key = scrypt(passphrase in NFC and UTF-8, salt, N, r, p, 32 bytes), RFC 7914;
cipher = AES-256-GCM with everything before the ciphertext, and the context, as associated
data. The context says what the box holds, so that a box put in another's place stays shut.
"""

from __future__ import annotations

import secrets
import struct
import unicodedata
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from drm.errors import AuthenticationError, FormatError

__all__ = ["MINIMUM_PASSPHRASE", "open_box", "seal_box"]

MAGIC: Final = b"GBKPASS1"
HEADER: Final = struct.Struct(">8sBBB16s12s")
TAG_SIZE: Final = 16
LOG2_N, R, P = 17, 8, 1  # 128 MiB and about half a second for each try
LOWEST_LOG2_N, HIGHEST_LOG2_N = 10, 20  # what a stranger's box may cost us: 1 GiB
MINIMUM_PASSPHRASE: Final = 12  # characters


def seal_box(passphrase: str, data: bytes, *, context: bytes) -> bytes:
    """Return `data` as a box that only `passphrase` opens, and only under the same `context`.

    Raises FormatError for a passphrase below MINIMUM_PASSPHRASE characters.
    """
    if len(passphrase) < MINIMUM_PASSPHRASE:
        raise FormatError(
            f"The passphrase is too short: it needs at least {MINIMUM_PASSPHRASE} characters. "
            "Four or five words are easy to keep in mind."
        )
    return _seal(MAGIC, passphrase, data, context)


def open_box(passphrase: str, box: bytes, *, context: bytes) -> bytes:
    """Return the data in `box`.

    Raises FormatError where it is no such box, AuthenticationError where the passphrase or
    the context is another one or the box was changed: these cannot be told apart.
    """
    return _open(MAGIC, passphrase, box, context)


def _seal(magic: bytes, passphrase: str, data: bytes, context: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    header = HEADER.pack(magic, LOG2_N, R, P, secrets.token_bytes(16), nonce)
    return header + AESGCM(_key(header, passphrase)).encrypt(nonce, data, header + context)


def _open(magic: bytes, passphrase: str, box: bytes, context: bytes) -> bytes:
    if len(box) < HEADER.size + TAG_SIZE or box[: len(magic)] != magic:
        raise FormatError("This is no passphrase box of Geobuk. Choose the file that holds one.")
    header = box[: HEADER.size]
    _magic, log2_n, r, p, _salt, nonce = HEADER.unpack(header)
    if not LOWEST_LOG2_N <= log2_n <= HIGHEST_LOG2_N or r != R or p != P:
        raise FormatError(
            "The passphrase box asks for parameters that this version does not allow. "
            "Update this program."
        )
    try:
        return AESGCM(_key(header, passphrase)).decrypt(nonce, box[HEADER.size :], header + context)
    except InvalidTag:
        raise AuthenticationError(
            "The passphrase is not the one of this box, or the box was changed. Nothing is lost: "
            "try again."
        ) from None


def _key(header: bytes, passphrase: str) -> bytes:
    _magic, log2_n, r, p, salt, _nonce = HEADER.unpack(header)
    kdf = Scrypt(salt=salt, length=32, n=1 << log2_n, r=r, p=p)
    return kdf.derive(unicodedata.normalize("NFC", passphrase).encode())
