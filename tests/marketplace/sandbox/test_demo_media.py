"""The demo's content is what the shop says it is: real files of their kinds."""

from __future__ import annotations

import zipfile
from pathlib import Path

import av
import pytest

from marketplace.sandbox import demo_media
from marketplace.sandbox.demo import FILM_SECONDS

SECONDS = 4


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    demo_media.make_film(path, seconds=SECONDS, say=lambda _: None)
    return path


def test_the_film_moves_and_sounds(film: Path) -> None:
    with av.open(str(film)) as container:
        assert [stream.codec_context.name for stream in container.streams] == ["h264", "aac"]
        pictures = [bytes(frame.planes[0]) for frame in container.decode(video=0)]
    with av.open(str(film)) as container:
        sound = b"".join(bytes(frame.planes[0]) for frame in container.decode(audio=0))

    assert len(pictures) == SECONDS * demo_media.FRAMES_PER_SECOND
    assert len(set(pictures)) == len(pictures)
    assert any(sound)


def test_the_film_of_the_demo_is_a_large_one(film: Path) -> None:
    assert film.stat().st_size * FILM_SECONDS / SECONDS >= 100_000_000


def test_the_album_has_three_tracks_with_korean_titles(tmp_path: Path) -> None:
    tracks = demo_media.make_album(tmp_path, seconds=2)

    titles = []
    for path in tracks:
        with av.open(str(path)) as container:
            assert container.streams.audio[0].codec_context.name == "flac"
            titles.append(container.metadata["title"])
    assert titles == ["파도의 시작", "거북이의 하루", "달빛 아래 바다"]


def test_the_book_is_a_pdf_and_the_brushes_are_a_zip(tmp_path: Path) -> None:
    demo_media.make_book(tmp_path / "book.pdf", pages=2)
    demo_media.make_brushes(tmp_path / "brushes.zip", count=2)

    assert (tmp_path / "book.pdf").read_bytes().startswith(b"%PDF-")
    with zipfile.ZipFile(tmp_path / "brushes.zip") as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 3
