from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.web.ranges import Slice, UnsatisfiableRangeError, apply_if_range, parse_range
from seeder.web.texts import ENGLISH, KOREAN, choose_language

SIZE = 1000


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, None),
        ("bytes=0-0", [(0, 1)]),
        ("bytes=0-", [(0, 1000)]),
        ("bytes=0-999", [(0, 1000)]),
        ("bytes=0-1000000", [(0, 1000)]),
        ("bytes=999-", [(999, 1000)]),
        ("bytes=-1", [(999, 1000)]),
        ("bytes=-1000", [(0, 1000)]),
        ("bytes=-99999", [(0, 1000)]),
        ("Bytes=5-9", [(5, 10)]),
        ("bytes=0005-0009", [(5, 10)]),
        ("bytes= 5-9 ", [(5, 10)]),
        ("bytes=0-1, 4-5", [(0, 2), (4, 6)]),
        ("bytes=500-600,,0-1,", [(500, 601), (0, 2)]),
        ("bytes=0-1,2000-", [(0, 2)]),
        ("bytes=-0,3-4", [(3, 5)]),
        ("bytes=0-" + "9" * 5000, [(0, 1000)]),
        # What may be ignored is ignored: the whole file comes.
        ("bytes=9-5", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes", None),
        ("bytes=a-b", None),
        ("bytes=１-２", None),
        ("bytes=1-2-3", None),
        ("bytes=+1-2", None),
        ("bytes=1-2;4-5", None),
        ("items=0-5", None),
        ("bytes=0-9,5-14", None),
        ("bytes=" + ",".join(f"{n * 2}-{n * 2}" for n in range(17)), None),
    ],
)
def test_forms_of_ranges(header: str | None, expected: list[tuple[int, int]] | None) -> None:
    found = parse_range(header, SIZE)

    assert (found and [(s.start, s.stop) for s in found]) == expected


@pytest.mark.parametrize("header", ["bytes=1000-", "bytes=1000-2000", "bytes=-0", "bytes=5000-,-0"])
def test_ranges_beyond_the_end(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        parse_range(header, SIZE)


def test_ranges_of_an_empty_file() -> None:
    assert parse_range("bytes=-5", 0) is None
    with pytest.raises(UnsatisfiableRangeError):
        parse_range("bytes=0-", 0)


@given(
    size=st.integers(1, 300),
    first=st.none() | st.integers(0, 400),
    last=st.none() | st.integers(0, 400),
)
def test_one_range_is_a_slice(size: int, first: int | None, last: int | None) -> None:
    data = bytes(i % 251 for i in range(size))
    header = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    if first is None:
        expected = data if last is None else data[max(0, size - last) :]
    elif last is not None and last < first:
        expected = data
    else:
        expected = data[first:] if last is None else data[first : last + 1]

    try:
        slices = parse_range(header, size)
    except UnsatisfiableRangeError:
        assert expected == b""
    else:
        [piece] = slices or [Slice(0, size)]
        assert data[piece.start : piece.stop] == expected


@given(st.text(max_size=60), st.integers(0, 1000))
def test_no_text_breaks_the_parser(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        try:
            slices = parse_range(header, size)
        except UnsatisfiableRangeError:
            continue
        for piece in slices or ():
            assert 0 <= piece.start < piece.stop <= size


@pytest.mark.parametrize(
    ("if_range", "counts"),
    [
        (None, True),
        ('"tag"', True),
        ('W/"tag"', False),
        ('"other"', False),
        ("Wed, 25 Nov 2026 00:00:00 GMT", False),
    ],
)
def test_if_range(if_range: str | None, counts: bool) -> None:
    assert apply_if_range("bytes=0-1", if_range, '"tag"') == ("bytes=0-1" if counts else None)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ko", "ko"),
        ("ko-KR,ko;q=0.9,en;q=0.8", "ko"),
        ("en;q=0.5, ko;q=0.9", "ko"),
        ("fr, de", "en"),
        ("ko;q=0", "en"),
        ("ko;q=x, en", "en"),
    ],
)
def test_language(header: str | None, language: str) -> None:
    assert choose_language(header) == language


def test_every_word_is_there_in_both_languages() -> None:
    assert ENGLISH.keys() == KOREAN.keys()
