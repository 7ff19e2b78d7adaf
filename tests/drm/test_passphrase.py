"""The passphrase box: its passphrase opens it, under its own context, and nothing else does."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

from drm.errors import AuthenticationError, FormatError
from drm.escrow import lock
from drm.passphrase import HEADER, MAGIC, MINIMUM_PASSPHRASE, open_box, seal_box

DATA = bytes(range(70))
PASSPHRASE = "거북이는 느려도 도착한다"
CONTEXT = b"tests of the box"


@pytest.fixture(scope="module")
def box() -> bytes:
    return seal_box(PASSPHRASE, DATA, context=CONTEXT)


def test_the_passphrase_opens_the_box(box: bytes) -> None:
    assert DATA not in box
    assert len(box) == HEADER.size + len(DATA) + 16
    assert open_box(PASSPHRASE, box, context=CONTEXT) == DATA


def test_the_other_library_opens_ours(box: bytes) -> None:
    # docs/format-v1.md, section 10.
    key = scrypt(PASSPHRASE.encode(), box[11:27], 32, N=2 ** box[8], r=box[9], p=box[10])
    cipher = AES.new(key, AES.MODE_GCM, nonce=box[27:39], mac_len=16)
    cipher.update(box[:39] + CONTEXT)

    assert cipher.decrypt_and_verify(box[39:-16], box[-16:]) == DATA


def test_a_passphrase_counts_however_its_letters_were_composed(box: bytes) -> None:
    import unicodedata

    decomposed = unicodedata.normalize("NFD", PASSPHRASE)

    assert decomposed != PASSPHRASE
    assert open_box(decomposed, box, context=CONTEXT) == DATA


def test_another_passphrase_or_context_is_refused_in_a_sentence(box: bytes) -> None:
    with pytest.raises(AuthenticationError, match="Nothing is lost"):
        open_box(PASSPHRASE + " ", box, context=CONTEXT)
    with pytest.raises(AuthenticationError):
        open_box(PASSPHRASE, box, context=CONTEXT + b"!")


@pytest.mark.parametrize("position", [11, 27, 39, -1])
def test_a_changed_byte_is_refused(box: bytes, position: int) -> None:
    changed = bytearray(box)
    changed[position] ^= 1

    with pytest.raises(AuthenticationError):
        open_box(PASSPHRASE, bytes(changed), context=CONTEXT)


def test_another_format_is_refused_before_it_costs_anything(box: bytes) -> None:
    for wrong in (
        b"",
        box[: HEADER.size + 15],
        b"X" + box[1:],
        box[:8] + b"\x15" + box[9:],
        box[:8] + b"\x09" + box[9:],
        box[:9] + b"\x09" + box[10:],
        lock(DATA, passphrase=PASSPHRASE),
    ):
        with pytest.raises(FormatError):
            open_box(PASSPHRASE, wrong, context=CONTEXT)
    assert box.startswith(MAGIC)


def test_a_short_passphrase_is_refused_in_a_sentence() -> None:
    with pytest.raises(FormatError, match="at least 12 characters"):
        seal_box("x" * (MINIMUM_PASSPHRASE - 1), DATA, context=CONTEXT)
