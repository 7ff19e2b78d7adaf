"""Secrets under a passphrase: boxes of both magics (section 10)."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator
from typing import Final

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from drm.encoding import b64u
from tests.vectors.tools import Case, Row, drawn, flipped

PASSPHRASE: Final = "거북이 열두 마리가 모래 위에"
SECRET: Final = bytes(range(64))
CONTEXT: Final = b"a use"
ESCROW: Final = b"GBKESCR1"
BOX: Final = b"GBKPASS1"


def _boxed(
    magic: bytes = BOX,
    *,
    cost: int = 10,
    parameters: tuple[int, int] = (8, 1),
    context: bytes = CONTEXT,
    passphrase: str = PASSPHRASE,
) -> bytes:
    salt, nonce = drawn(16, "box salt", magic), drawn(12, "box nonce", magic)
    header = magic + bytes([cost, *parameters]) + salt + nonce
    text = unicodedata.normalize("NFC", passphrase).encode()
    key = hashlib.scrypt(text, salt=salt, n=1 << min(cost, 11), r=8, p=1, dklen=32)
    return header + AESGCM(key).encrypt(nonce, SECRET, header + context)


def box_base() -> Case:
    """Return a passphrase box; `context` is null for an escrow."""
    return {
        "kind": "box",
        "outcome": "ok",
        "needs": "scrypt",
        "passphrase": PASSPHRASE,
        "context": b64u(CONTEXT),
        "box": b64u(_boxed()),
        "secret": b64u(SECRET),
    }


def boxes() -> Iterator[Row]:
    """Boxes and what they must not open for."""
    good = _boxed()
    escrow = _boxed(ESCROW, context=b"")
    yield "passphrase-box", "ok", {}
    yield "escrow", "ok", {"context": None, "box": b64u(escrow)}
    yield "passphrase-in-nfd", "ok", {"passphrase": unicodedata.normalize("NFD", PASSPHRASE)}
    yield "dearer", "ok", {"box": b64u(_boxed(cost=11))}
    yield "other-passphrase", "bad_signature", {"passphrase": PASSPHRASE + " "}
    yield "other-context", "bad_signature", {"context": b64u(b"another use")}
    yield "escrow-as-box", "bad_format", {"box": b64u(escrow)}
    yield "box-as-escrow", "bad_format", {"context": None}
    for name, position in {"salt": 11, "nonce": 30, "ciphertext": 39, "tag": len(good) - 1}.items():
        changed = b64u(flipped(good, position))
        yield f"changed-{name}", "bad_signature", {"box": changed}
    yield "cut", "bad_format", {"box": b64u(good[:54])}
    yield "empty", "bad_format", {"box": ""}
    yield "too-cheap", "bad_format", {"box": b64u(_boxed(cost=9))}
    yield "too-dear", "bad_format", {"box": b64u(_boxed(cost=21))}
    yield "other-r", "bad_format", {"box": b64u(_boxed(parameters=(16, 1)))}
    yield "other-p", "bad_format", {"box": b64u(_boxed(parameters=(8, 2)))}
