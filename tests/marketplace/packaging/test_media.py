from __future__ import annotations

import pytest

from marketplace.packaging.media import media_type
from marketplace.packaging.queries import playable

MP4 = b"\x00\x00\x00\x20ftypisom\x00\x00\x02\x00"
EPUB = b"PK\x03\x04" + bytes(26) + b"mimetypeapplication/epub+zip"


@pytest.mark.parametrize(
    ("name", "head", "expected"),
    [
        ("film.mp4", MP4, "video/mp4"),
        ("film", MP4, "video/mp4"),
        ("film.m4a", MP4, "audio/mp4"),
        ("song.m4a", b"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4"),
        ("clip.mov", b"\x00\x00\x00\x14ftypqt  \x00", "video/quicktime"),
        ("song.flac", b"fLaC\x00", "audio/flac"),
        ("song.mp3", b"ID3\x04", "audio/mpeg"),
        ("song.mp3", b"\xff\xfb\x90\x00", "audio/mpeg"),
        ("song.ogg", b"OggS\x00", "audio/ogg"),
        ("song.wav", b"RIFF\x24\x00\x00\x00WAVEfmt ", "audio/wav"),
        ("film.webm", b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\x82\x84webm", "video/webm"),
        ("film.mkv", b"\x1aE\xdf\xa3\xa3B\x86\x81\x01B\x82\x88matroska", "video/x-matroska"),
        ("book.pdf", b"%PDF-1.7", "application/pdf"),
        ("book.epub", EPUB, "application/epub+zip"),
        ("pack.zip", b"PK\x03\x04\x14", "application/zip"),
        ("pack.unknown", b"PK\x03\x04\x14", "application/zip"),
        ("photo.png", b"\x89PNG\r\n\x1a\n", "image/png"),
        ("photo.jpg", b"\xff\xd8\xff\xe0", "image/jpeg"),
        ("photo.webp", b"RIFF\x24\x00\x00\x00WEBPVP8 ", "image/webp"),
        ("photo.gif", b"GIF89a", "image/gif"),
        ("notes.txt", b"hello", "text/plain"),
        ("무제", b"\x00\x01", "application/octet-stream"),
    ],
)
def test_a_file_is_known_by_its_first_bytes_and_then_by_its_name(
    name: str, head: bytes, expected: str
) -> None:
    assert media_type(name, head) == expected


@pytest.mark.parametrize("name", ["film.mp4", "book.pdf", "song.flac", "photo.png"])
def test_a_name_alone_promises_no_player(name: str) -> None:
    kind = media_type(name, b"MZ\x90\x00 not what the name says")

    assert kind == "application/octet-stream"
    assert not playable(kind)


def test_a_program_that_is_named_like_a_film_but_zipped_is_a_zip() -> None:
    assert media_type("film.mp4", b"PK\x03\x04\x14") == "application/zip"
