from __future__ import annotations

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from marketplace.catalog.covers import read_cover, render_cover, store_cover
from marketplace.catalog.errors import CoverError, CoverNotFoundError
from marketplace.catalog.types import Cover
from tests.marketplace.catalog.making import picture


def _render(data: bytes) -> Cover:
    return render_cover(io.BytesIO(data), size=len(data))


def _bomb(side: int) -> bytes:
    """A PNG that claims to be `side` pixels square and holds nothing."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_a_picture_becomes_webp_in_two_sizes(file_format: str) -> None:
    cover = _render(picture(file_format, (2400, 1800)))

    for data, longer in ((cover.large, 1200), (cover.small, 560)):
        with Image.open(io.BytesIO(data)) as image:
            assert image.format == "WEBP"
            assert max(image.size) == longer


def test_a_small_picture_is_not_blown_up() -> None:
    with Image.open(io.BytesIO(_render(picture(size=(30, 20))).large)) as image:
        assert image.size == (30, 20)


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "1", "P"])
def test_every_kind_of_png_is_read(mode: str) -> None:
    assert _render(picture("PNG", mode=mode)).large[:4] == b"RIFF"


def test_cmyk_from_a_print_shop_is_read() -> None:
    assert _render(picture("JPEG", mode="CMYK")).large[:4] == b"RIFF"


def test_where_and_how_a_photo_was_taken_is_dropped_and_it_stands_upright() -> None:
    exif = Image.Exif()
    exif[0x010F] = "Camera of Somebody"
    exif[0x0112] = 6  # lies on its side
    data = picture("JPEG", (400, 300), exif=exif)
    assert b"Camera of Somebody" in data

    cover = _render(data)

    with Image.open(io.BytesIO(cover.large)) as image:
        assert image.size == (300, 400)
        assert not image.getexif()
    assert b"Camera of Somebody" not in cover.large + cover.small


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"no picture at all",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        picture("GIF", mode="P"),
        picture("BMP"),
        picture("PNG")[:60],
        picture("JPEG")[:200],
        b"\x89PNG\r\n\x1a\n" + b"<script>" * 50,
    ],
    ids=["empty", "text", "svg", "gif", "bmp", "cut png", "cut jpeg", "fake png"],
)
def test_what_is_no_picture_is_refused_with_a_sentence(data: bytes) -> None:
    with pytest.raises(CoverError, match="JPEG, PNG or WebP"):
        _render(data)


@pytest.mark.parametrize("side", [7_100, 12_000, 60_000])
def test_more_pixels_than_we_want_to_decode_are_refused(side: int) -> None:
    with pytest.raises(CoverError, match="50 million pixels"):
        _render(_bomb(side))


def test_a_file_beyond_the_limit_is_not_even_opened() -> None:
    with pytest.raises(CoverError, match="larger than 8 MB"):
        render_cover(io.BytesIO(b""), size=8 * 1024**2 + 1)


@given(st.binary(max_size=300), st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"]))
@settings(max_examples=200)
def test_noise_is_a_refusal_and_never_a_crash(noise: bytes, head: bytes) -> None:
    with pytest.raises(CoverError):
        _render(head + noise)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_a_damaged_picture_is_shown_or_refused_and_never_a_crash(data: st.DataObject) -> None:
    whole = bytearray(picture(data.draw(st.sampled_from(["PNG", "JPEG", "WEBP"])), (40, 30)))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))

    try:
        cover = _render(bytes(whole))
    except CoverError:
        return
    assert cover.large[:4] == b"RIFF"


def test_only_our_own_files_are_read_back() -> None:
    name = store_cover(Cover(b"large", b"small")).removeprefix("covers/")

    assert read_cover(name) == b"large"
    assert read_cover(name.replace(".webp", "-small.webp")) == b"small"
    for other in ("../keys/django.key", "x.webp", "0" * 32 + ".svg", "0" * 32 + ".webp"):
        with pytest.raises(CoverNotFoundError):
            read_cover(other)
