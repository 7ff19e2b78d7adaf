"""Streams past 4 GiB and up to the last segment that there can be, without a disk full of them.

The ciphertext is computed where it is read, by the other library and from the format's
words alone (docs/format-v1.md, section 4). `make bench` writes a whole one and reads it back.
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO, cast

import pytest
from Crypto.Cipher import AES
from Crypto.Hash import SHA256
from Crypto.Protocol.KDF import HKDF

from drm.errors import AuthenticationError, FormatError
from drm.stream import StreamReader, StreamSealer, ciphertext_size, open_reader, plaintext_size
from tests.drm.house import KEY

S, TAG, HEADER = 65536, 16, 40
PAYLOAD = S - TAG
AD = b"past four gibibytes"
SALT, PREFIX = bytes(range(32)), bytes(range(7))
FOUR_GIB = 2**32
# The most that 2^32 segments hold: 256 TiB less tags and header.
LARGEST = FOUR_GIB * PAYLOAD - HEADER


def plain_at(offset: int, size: int) -> bytes:
    """Bytes that name their own place, eight at a time."""
    first = offset // 8
    words = b"".join(struct.pack(">Q", n) for n in range(first, (offset + size) // 8 + 1))
    return words[offset - 8 * first : offset - 8 * first + size]


class Computed(io.RawIOBase):
    """The ciphertext of `plain_at` of any size; of it only what is read ever exists."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.plain_size = size
        self.size = ciphertext_size(size)
        self.moved: dict[int, int] = {}
        self.flipped: set[int] = set()
        self._key = HKDF(KEY.to_bytes(), 32, SALT, SHA256, context=AD)
        self._last = (self.size - 1) // S
        self._at = 0

    def seek(self, offset: int, _whence: int = io.SEEK_SET, /) -> int:
        self._at = offset
        return offset

    def readinto(self, buffer: object, /) -> int:
        view = memoryview(cast("bytearray", buffer))
        index, skip = divmod(self._at, S)
        data = self._segment(self.moved.get(index, index))[skip : skip + len(view)]
        if index in self.flipped:
            data = data[:-1] + bytes([data[-1] ^ 1])
        view[: len(data)] = data
        self._at += len(data)
        return len(data)

    def _segment(self, index: int) -> bytes:
        start = index * PAYLOAD - HEADER if index else 0
        size = min(PAYLOAD - (0 if index else HEADER), self.plain_size - start)
        nonce = PREFIX + struct.pack(">I", index) + bytes([index == self._last])
        cipher = AES.new(self._key, AES.MODE_GCM, nonce=nonce, mac_len=TAG)
        sealed, tag = cipher.encrypt_and_digest(plain_at(start, size))
        header = bytes([HEADER]) + SALT + PREFIX if index == 0 else b""
        return header + sealed + tag


def opened(source: Computed, *, size: int | None = None) -> StreamReader:
    return open_reader(
        cast("BinaryIO", source), size=size or source.size, key=KEY, associated_data=AD
    )


BORDERS = [
    FOUR_GIB - 1,
    FOUR_GIB,
    FOUR_GIB + 1,
    # The ciphertext ends just before, at and after 4 GiB.
    plaintext_size(FOUR_GIB) - 1,
    plaintext_size(FOUR_GIB),
    plaintext_size(FOUR_GIB) + 1,
    # A last segment that is exactly full, one byte short, and one byte of a new one.
    65_537 * PAYLOAD - HEADER,
    65_537 * PAYLOAD - HEADER - 1,
    65_537 * PAYLOAD - HEADER + 1,
    9 * FOUR_GIB + 7,
    LARGEST - 1,
    LARGEST,
]


@pytest.mark.parametrize("size", BORDERS)
def test_any_place_of_a_huge_file_is_found(size: int) -> None:
    stream = opened(Computed(size))

    assert stream.size == size
    places = [0, 1, PAYLOAD - HEADER - 1, size // 2, size - PAYLOAD - 1, size - 1, FOUR_GIB - 9]
    for place in [*places, FOUR_GIB, FOUR_GIB + 1, 2**40, 2**47]:
        if place < size:
            read = stream.read_at(place, 40)
            assert read == plain_at(place, min(40, size - place)), place
    assert stream.read_at(size, 40) == b""
    assert stream.seek(-8, io.SEEK_END) == size - 8
    assert stream.read() == plain_at(size - 8, 8)


def test_a_read_across_4_gib_of_plain_and_of_cipher_bytes_is_whole() -> None:
    stream = opened(Computed(FOUR_GIB + 10**6))

    for border in (FOUR_GIB, plaintext_size(FOUR_GIB)):
        start = border - 2 * PAYLOAD - 3
        assert stream.read_at(start, 4 * PAYLOAD) == plain_at(start, 4 * PAYLOAD)


def test_a_changed_or_moved_segment_far_out_is_refused() -> None:
    source = Computed(9 * FOUR_GIB)
    place = 5 * FOUR_GIB
    index = (place + HEADER) // PAYLOAD

    source.flipped = {index}
    with pytest.raises(AuthenticationError):
        opened(source).read_at(place, 10)
    assert opened(source).read_at(place + PAYLOAD, 10) == plain_at(place + PAYLOAD, 10)

    source.flipped = set()
    # Indices that are the same in their low 16 bits: a counter too short would not see it.
    for other in (index - 65_536, index + 65_536, index - 1):
        source.moved = {index: other}
        with pytest.raises(AuthenticationError):
            opened(source).read_at(place, 10)


def test_a_huge_file_cut_at_a_segment_is_refused_at_open() -> None:
    source = Computed(FOUR_GIB + 10**6)

    for segments in (1, 65_535, 65_536, 65_537):
        with pytest.raises(AuthenticationError):
            opened(source, size=segments * S)


def test_one_byte_more_than_the_largest_is_refused_before_it_is_begun() -> None:
    assert ciphertext_size(LARGEST) == FOUR_GIB * S
    with pytest.raises(FormatError, match="256 TiB"):
        ciphertext_size(LARGEST + 1)
    with pytest.raises(FormatError):
        plaintext_size(FOUR_GIB * S + 1)


def test_the_sealer_writes_the_last_segments_that_there_can_be_and_no_more() -> None:
    first, out = FOUR_GIB - 2, memoryview(bytearray(4 * S))
    start = first * PAYLOAD - HEADER
    source = Computed(LARGEST)

    sealer = StreamSealer(key=KEY, associated_data=AD, salt=SALT, prefix=PREFIX)
    made = sealer.seal(plain_at(start, LARGEST - start), first=first, last=True, out=out)

    assert bytes(out[:made]) == source._segment(first) + source._segment(first + 1)
    other = StreamSealer(key=KEY, associated_data=AD, salt=SALT, prefix=PREFIX)
    with pytest.raises(FormatError, match="256 TiB"):
        other.seal(bytes(2 * PAYLOAD + 1), first=first, last=True, out=out)
