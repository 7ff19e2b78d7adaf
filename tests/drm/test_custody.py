"""Keys at rest: open in their own row, under their own master, and as what they are."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from drm.custody import MasterKey, unwrap_key, unwrap_seed, wrap_key, wrap_seed
from drm.errors import FormatError, KeyMismatchError
from tests.drm.house import KEY

MASTER = MasterKey(bytes(range(100, 132)))
ROW = b"package 1"


def test_a_key_comes_back() -> None:
    wrapped = wrap_key(KEY, master=MASTER, context=ROW)

    assert len(wrapped) == 40
    assert unwrap_key(wrapped, master=MASTER, context=ROW) == KEY
    seed = wrap_seed(KEY.to_bytes(), master=MASTER, context=ROW)
    assert unwrap_seed(seed, master=MASTER, context=ROW) == KEY.to_bytes()


def test_the_other_library_unwraps_ours() -> None:
    info = b"geobuk-custody-content-key-v1\x00" + ROW
    kek = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=info).derive(MASTER.to_bytes())

    wrapped = wrap_key(KEY, master=MASTER, context=ROW)

    assert keywrap.aes_key_unwrap(kek, wrapped) == KEY.to_bytes()
    assert keywrap.aes_key_wrap(kek, KEY.to_bytes()) == wrapped


def test_swapped_rows_other_masters_and_other_uses_are_refused() -> None:
    wrapped = wrap_key(KEY, master=MASTER, context=ROW)

    with pytest.raises(KeyMismatchError):
        unwrap_key(wrapped, master=MASTER, context=b"package 2")
    with pytest.raises(KeyMismatchError):
        unwrap_key(wrapped, master=MasterKey(bytes(32)), context=ROW)
    with pytest.raises(KeyMismatchError):
        unwrap_seed(wrapped, master=MASTER, context=ROW)


def test_every_changed_bit_and_every_cut_is_refused() -> None:
    wrapped = wrap_key(KEY, master=MASTER, context=ROW)

    for position in range(len(wrapped)):
        for bit in range(8):
            changed = bytearray(wrapped)
            changed[position] ^= 1 << bit
            with pytest.raises(KeyMismatchError):
                unwrap_key(bytes(changed), master=MASTER, context=ROW)
    for cut in range(len(wrapped)):
        with pytest.raises(KeyMismatchError):
            unwrap_key(wrapped[:cut], master=MASTER, context=ROW)
    with pytest.raises(KeyMismatchError):
        unwrap_key(wrapped + bytes(8), master=MASTER, context=ROW)


def test_a_short_master_or_seed_is_refused() -> None:
    with pytest.raises(FormatError, match="32 bytes"):
        MasterKey(bytes(31))
    with pytest.raises(FormatError, match="32 bytes"):
        wrap_seed(bytes(31), master=MASTER, context=ROW)


def test_a_fingerprint_names_a_master_key_and_shows_nothing_of_it() -> None:
    other = MasterKey(bytes(32))

    assert MASTER.fingerprint == MasterKey(MASTER.to_bytes()).fingerprint != other.fingerprint
    assert len(bytes.fromhex(MASTER.fingerprint)) == 8
    for shown in (repr(MASTER), str(MASTER), MASTER.fingerprint):
        assert MASTER.to_bytes().hex()[:8] not in shown
