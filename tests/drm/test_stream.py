"""Streams: any size comes back, any seek is a slice, any change is refused."""

from __future__ import annotations

import io
import threading
from typing import Any, BinaryIO, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.errors import AuthenticationError, FormatError
from drm.keys import ContentKey
from drm.stream import (
    SEGMENT_SIZE,
    StreamReader,
    StreamSealer,
    ciphertext_size,
    encrypt,
    open_reader,
    plaintext_size,
)
from tests.drm.house import KEY, OTHER_KEY, pattern

AD = b"associated"
FIRST = SEGMENT_SIZE - 56
PAYLOAD = SEGMENT_SIZE - 16
RUN = 32 * PAYLOAD - 40

border_sizes = st.builds(
    lambda segments, around: max(0, segments * PAYLOAD - 40 + around),
    st.integers(0, 4),
    st.integers(-20, 20),
) | st.integers(0, 3000)


def sealed(plain: bytes, *, key: ContentKey = KEY, associated_data: bytes = AD) -> bytes:
    sink = io.BytesIO()
    written = encrypt(io.BytesIO(plain), sink, key=key, associated_data=associated_data)
    assert written == len(sink.getvalue())
    return sink.getvalue()


def reader(
    cipher: bytes, *, size: int | None = None, key: ContentKey = KEY, associated_data: bytes = AD
) -> StreamReader:
    return open_reader(
        io.BytesIO(cipher),
        size=len(cipher) if size is None else size,
        key=key,
        associated_data=associated_data,
    )


@given(size=border_sizes)
@settings(max_examples=60, deadline=None)
def test_any_size_comes_back(size: int) -> None:
    plain = pattern(size)

    cipher = sealed(plain)

    assert len(cipher) == ciphertext_size(size)
    assert plaintext_size(len(cipher)) == size
    assert reader(cipher).read() == plain


@pytest.mark.parametrize("size", [RUN - 1, RUN, RUN + 1, RUN + 32 * PAYLOAD])
def test_sizes_around_the_border_of_a_run_come_back(size: int) -> None:
    plain = pattern(size)

    assert reader(sealed(plain)).read() == plain


@given(
    size=border_sizes,
    steps=st.lists(
        st.tuples(st.sampled_from([0, 1, 2]), st.floats(0, 1.1), st.integers(0, 70_000)), max_size=6
    ),
)
@settings(max_examples=40, deadline=None)
def test_seeks_and_reads_equal_those_of_a_plain_file(
    size: int, steps: list[tuple[int, float, int]]
) -> None:
    plain = io.BytesIO(pattern(size))
    stream = reader(sealed(plain.getvalue()))

    for whence, place, count in steps:
        target = int(place * size)
        offset = {0: target, 1: target - plain.tell(), 2: target - size}[whence]
        assert stream.seek(offset, whence) == plain.seek(offset, whence)
        assert stream.read(count) == plain.read(count)
        assert stream.tell() == plain.tell()


def test_an_empty_file_is_a_stream() -> None:
    cipher = sealed(b"")

    stream = reader(cipher)

    assert len(cipher) == 56
    assert stream.size == 0
    assert stream.read() == b""


def test_a_reader_works_below_a_buffer_and_leaves_its_source_open() -> None:
    plain = pattern(150_000)
    source = io.BytesIO(sealed(plain))
    stream = open_reader(source, size=len(source.getvalue()), key=KEY, associated_data=AD)

    with io.BufferedReader(stream) as buffered:
        assert buffered.read(10) == plain[:10]
        buffered.seek(140_000)
        assert buffered.read() == plain[140_000:]

    assert not source.closed
    with pytest.raises(ValueError, match="closed"):
        stream.read(1)


def test_read_at_serves_many_threads() -> None:
    plain = pattern(1_000_000)
    stream = reader(sealed(plain))
    wrong: list[int] = []

    def look(start: int) -> None:
        wrong.extend(
            offset
            for offset in range(start, len(plain), 77_777)
            if stream.read_at(offset, 70_000) != plain[offset : offset + 70_000]
        )

    threads = [threading.Thread(target=look, args=(n * 10_000,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert wrong == []


def test_a_position_before_the_start_is_refused() -> None:
    stream = reader(sealed(b"abc"))

    with pytest.raises(ValueError, match="before the start"):
        stream.seek(-1)
    with pytest.raises(ValueError, match="negative"):
        stream.read_at(-1, 1)
    assert stream.seek(10) == 10
    assert stream.read() == b""


def test_sources_that_read_short_are_read_to_the_end() -> None:
    class Drip(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 1000))

        def readinto(self, buffer: Any, /) -> int:
            return super().readinto(memoryview(buffer)[:1000])

    class ReadOnly:
        def __init__(self, data: bytes) -> None:
            self.read = Drip(data).read

    plain = pattern(100_000)

    for source in (Drip(plain), ReadOnly(plain)):
        sink = io.BytesIO()
        encrypt(cast("BinaryIO", source), sink, key=KEY, associated_data=AD)
        cipher = sink.getvalue()
        stream = open_reader(Drip(cipher), size=len(cipher), key=KEY, associated_data=AD)
        assert stream.read_at(0, len(plain)) == plain


def test_sinks_that_write_short_get_everything() -> None:
    class Narrow(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return super().write(memoryview(data)[:1000])

    class Closed(io.BytesIO):
        def write(self, data: Any, /) -> int:
            return 0

    sink = Narrow()

    encrypt(io.BytesIO(pattern(100_000)), sink, key=KEY, associated_data=AD)

    assert reader(sink.getvalue()).read() == pattern(100_000)
    with pytest.raises(OSError, match="no more"):
        encrypt(io.BytesIO(b"abc"), Closed(), key=KEY, associated_data=AD)


def test_on_segment_sees_the_ciphertext_in_order() -> None:
    seen, sink = bytearray(), io.BytesIO()

    encrypt(io.BytesIO(pattern(RUN + 5)), sink, key=KEY, associated_data=AD, on_segment=seen.extend)

    assert bytes(seen) == sink.getvalue()


def test_two_runs_share_no_salt() -> None:
    assert sealed(b"same")[1:40] != sealed(b"same")[1:40]


def test_a_run_is_sealed_once() -> None:
    sealer = StreamSealer(key=KEY, associated_data=AD)
    out = memoryview(bytearray(200))
    sealer.seal(b"one", first=0, last=True, out=out)

    with pytest.raises(ValueError, match="once"):
        sealer.seal(b"two", first=0, last=True, out=out)


@pytest.mark.parametrize(
    "size",
    [-1, 0, 40, 55, SEGMENT_SIZE + 1, SEGMENT_SIZE + 16, 3 * SEGMENT_SIZE + 7, 2**48 + 57],
)
def test_a_size_that_no_ciphertext_has_is_refused(size: int) -> None:
    with pytest.raises(FormatError):
        plaintext_size(size)


def test_the_largest_file_has_two_to_the_32_segments() -> None:
    largest = 2**32 * PAYLOAD - 40

    assert ciphertext_size(largest) == 2**48
    assert plaintext_size(2**48) == largest
    with pytest.raises(FormatError, match="Split"):
        ciphertext_size(largest + 1)
    with pytest.raises(FormatError, match="negative"):
        ciphertext_size(-1)


# Tampering


def test_every_changed_byte_of_a_small_file_is_refused() -> None:
    cipher = sealed(b"a film, shortened")

    for position in range(len(cipher)):
        for bit in range(8):
            changed = bytearray(cipher)
            changed[position] ^= 1 << bit
            with pytest.raises(AuthenticationError):
                reader(bytes(changed))


@pytest.mark.parametrize("segment", [0, 1, 2])
def test_a_changed_byte_spoils_its_segment_and_no_other(segment: int) -> None:
    plain = pattern(3 * PAYLOAD - 40)
    cipher = bytearray(sealed(plain))
    start = segment * SEGMENT_SIZE + (40 if segment == 0 else 0)
    middle, end = start + 1000, (segment + 1) * SEGMENT_SIZE - 1

    for position in (start, middle, end - 15, end):
        cipher[position] ^= 0x80
        if segment == 2:
            with pytest.raises(AuthenticationError):
                reader(bytes(cipher))
        else:
            stream = reader(bytes(cipher))
            for index in range(3):
                offset = max(0, index * PAYLOAD - 40)
                if index == segment:
                    with pytest.raises(AuthenticationError):
                        stream.read_at(offset, 10)
                else:
                    assert stream.read_at(offset, 10) == plain[offset : offset + 10]
        cipher[position] ^= 0x80


def test_nothing_of_a_read_is_released_when_one_of_its_segments_is_changed() -> None:
    cipher = bytearray(sealed(pattern(3 * PAYLOAD)))
    cipher[SEGMENT_SIZE + 5] ^= 1
    stream = reader(bytes(cipher))
    buffer = bytearray(2 * SEGMENT_SIZE)

    with pytest.raises(AuthenticationError):
        stream.readinto(buffer)

    assert bytes(buffer) == bytes(len(buffer))
    assert stream.tell() == 0


@pytest.mark.parametrize("whole", [True, False])
def test_cut_at_every_border_is_refused_at_open(whole: bool) -> None:
    cipher = sealed(pattern(4 * PAYLOAD - (40 if whole else 140)))

    for segments in range(1, 4):
        cut = segments * SEGMENT_SIZE
        with pytest.raises(AuthenticationError):
            reader(cipher[:cut])
        with pytest.raises(AuthenticationError):
            reader(cipher[:cut], size=len(cipher))
    for cut in (0, 1, 39, 40, 55):
        with pytest.raises(FormatError):
            reader(cipher[:cut])


def test_cut_anywhere_in_a_small_file_is_refused() -> None:
    cipher = sealed(pattern(300))

    for cut in range(len(cipher)):
        with pytest.raises((AuthenticationError, FormatError)):
            reader(cipher[:cut])


@pytest.mark.parametrize("extra", [1, 16, 17, 1000, SEGMENT_SIZE])
@pytest.mark.parametrize("size", [100, FIRST, 2 * PAYLOAD - 40])
def test_appended_bytes_are_refused_or_never_read(size: int, extra: int) -> None:
    plain = pattern(size)
    cipher = sealed(plain)
    longer = cipher + pattern(extra, "extra")

    # With the size of the longer file, as Tink itself would take it (tink-cc#20).
    with pytest.raises((AuthenticationError, FormatError)):
        reader(longer)
    # With the size that the manifest signs, the appended bytes are not part of the file.
    assert reader(longer, size=len(cipher)).read() == plain


def test_swapped_and_repeated_segments_are_refused() -> None:
    cipher = sealed(pattern(4 * PAYLOAD - 40))
    parts = [cipher[i * SEGMENT_SIZE : (i + 1) * SEGMENT_SIZE] for i in range(4)]

    swapped = reader(b"".join([parts[0], parts[2], parts[1], parts[3]]))
    with pytest.raises(AuthenticationError):
        swapped.read_at(PAYLOAD, 1)
    with pytest.raises(AuthenticationError):
        swapped.read_at(2 * PAYLOAD, 1)
    repeated = reader(b"".join([parts[0], parts[1], parts[1], parts[3]]))
    with pytest.raises(AuthenticationError):
        repeated.read_at(2 * PAYLOAD, 1)
    with pytest.raises(AuthenticationError):
        reader(b"".join([parts[0], parts[1], parts[3], parts[2]]))


def test_a_segment_of_another_stream_is_refused() -> None:
    one, two = sealed(pattern(3 * PAYLOAD)), sealed(pattern(3 * PAYLOAD))
    mixed = one[:SEGMENT_SIZE] + two[SEGMENT_SIZE : 2 * SEGMENT_SIZE] + one[2 * SEGMENT_SIZE :]

    stream = reader(mixed)

    with pytest.raises(AuthenticationError):
        stream.read_at(PAYLOAD, 1)


def test_another_key_or_place_is_refused() -> None:
    cipher = sealed(b"mine")

    with pytest.raises(AuthenticationError):
        reader(cipher, key=OTHER_KEY)
    with pytest.raises(AuthenticationError):
        reader(cipher, associated_data=AD + b"\x00")
    with pytest.raises(AuthenticationError):
        reader(cipher, associated_data=b"")


def test_a_source_that_fails_midway_raises_and_closes_no_stream() -> None:
    class Broken(io.BytesIO):
        def readinto(self, buffer: Any, /) -> int:
            if self.tell() > RUN:
                raise OSError("the disk is gone")
            return super().readinto(buffer)

    sink = io.BytesIO()

    with pytest.raises(OSError, match="gone"):
        encrypt(Broken(pattern(3 * RUN)), sink, key=KEY, associated_data=AD)

    # Unlike Tink's, what is left is no valid, shorter file.
    with pytest.raises((AuthenticationError, FormatError)):
        reader(sink.getvalue())
