"""The key box: its passphrase opens it, and nothing else does."""

from __future__ import annotations

import pytest
from Crypto.Cipher import AES
from Crypto.Protocol.KDF import scrypt

from drm.errors import AuthenticationError, FormatError
from drm.escrow import lock, unlock

SECRET = bytes(range(32))
PASSPHRASE = "거북이는 느려도 도착한다"


@pytest.fixture(scope="module")
def box() -> bytes:
    return lock(SECRET, passphrase=PASSPHRASE)


def test_the_passphrase_opens_the_box(box: bytes) -> None:
    assert SECRET not in box
    assert unlock(box, passphrase=PASSPHRASE) == SECRET


def test_the_other_library_opens_ours(box: bytes) -> None:
    # docs/format-v1.md, section 10.
    key = scrypt(PASSPHRASE.encode(), box[11:27], 32, N=2 ** box[8], r=box[9], p=box[10])
    cipher = AES.new(key, AES.MODE_GCM, nonce=box[27:39], mac_len=16)
    cipher.update(box[:39])

    assert cipher.decrypt_and_verify(box[39:-16], box[-16:]) == SECRET


def test_another_passphrase_is_refused(box: bytes) -> None:
    with pytest.raises(AuthenticationError):
        unlock(box, passphrase=PASSPHRASE + " ")


@pytest.mark.parametrize("position", [11, 26, 27, 38, 39, 70, -1])
def test_a_changed_byte_is_refused(box: bytes, position: int) -> None:
    changed = bytearray(box)
    changed[position] ^= 1

    with pytest.raises(AuthenticationError):
        unlock(bytes(changed), passphrase=PASSPHRASE)


@pytest.mark.parametrize("position", [0, 7, 9, 10])
def test_another_format_is_refused_before_it_costs_anything(box: bytes, position: int) -> None:
    changed = bytearray(box)
    changed[position] ^= 1

    with pytest.raises(FormatError):
        unlock(bytes(changed), passphrase=PASSPHRASE)
    for cost in (0, 9, 21, 255):
        with pytest.raises(FormatError):
            unlock(box[:8] + bytes([cost]) + box[9:], passphrase=PASSPHRASE)


def test_a_cut_box_is_refused(box: bytes) -> None:
    for length in (0, 8, 39, 54):
        with pytest.raises(FormatError):
            unlock(box[:length], passphrase=PASSPHRASE)
    with pytest.raises(AuthenticationError):
        unlock(box[:-1], passphrase=PASSPHRASE)


def test_a_short_passphrase_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 12"):
        lock(SECRET, passphrase="x" * 11)
