"""Tink opens what we seal, and we open what Tink seals."""

from __future__ import annotations

import io

import pytest

from drm.stream import SEGMENT_SIZE, encrypt, open_reader
from tests.drm.house import KEY, pattern
from tests.drm.tinkery import Kept, tink_streams

AD = b"where it belongs"
FULL = SEGMENT_SIZE - 56
SIZES = [0, 1, FULL - 1, FULL, FULL + 1, FULL + SEGMENT_SIZE - 16, 300_000]


@pytest.mark.parametrize("size", SIZES)
def test_tink_opens_ours(size: int) -> None:
    sink = io.BytesIO()
    encrypt(io.BytesIO(pattern(size)), sink, key=KEY, associated_data=AD)

    with tink_streams().new_decrypting_stream(io.BytesIO(sink.getvalue()), AD) as stream:
        assert stream.read() == pattern(size)


@pytest.mark.parametrize("size", SIZES)
def test_we_open_tinks(size: int) -> None:
    sink = Kept()
    with tink_streams().new_encrypting_stream(sink, AD) as stream:
        stream.write(pattern(size))

    reader = open_reader(io.BytesIO(sink.kept), size=len(sink.kept), key=KEY, associated_data=AD)
    assert reader.read() == pattern(size)
