"""Packages: sealed files, their manifest, and what happens to files that are moved about."""

from __future__ import annotations

import dataclasses
import io
from typing import BinaryIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.encoding import b64u
from drm.errors import AuthenticationError, FormatError, KeyMismatchError, UnsupportedError
from drm.manifest import (
    FileEntry,
    Manifest,
    associated_data,
    open_details,
    package_id,
    read_manifest,
    seal_details,
    sign_manifest,
)
from drm.package import choose_piece_length, open_file, seal_files
from drm.signed import sign
from drm.stream import ciphertext_size
from tests.drm.house import ISSUER, KEY, OTHER_KEY, STRANGER, KeptSink, Shelf, pattern, seal

RUN = 32 * 65520 - 40


def entry(
    name: str = "film.mp4", *, size: int = 3, index: int = 0, media: str = "video/mp4"
) -> FileEntry:
    return FileEntry(name=name, media_type=media, size=size, index=index)


def refuse_sink(index: int) -> BinaryIO:
    raise AssertionError("nothing may be written")


@given(sizes=st.lists(st.integers(0, 200_000), min_size=1, max_size=4))
@settings(max_examples=20, deadline=None)
def test_sealed_files_come_back(sizes: list[int]) -> None:
    plains = [pattern(size, str(i)) for i, size in enumerate(sizes)]

    shelf = seal(plains)

    for index, plain in enumerate(plains):
        source = io.BytesIO(shelf.ciphertexts[index])
        assert open_file(shelf.manifest, index, source, key=KEY).read() == plain
    assert open_details(shelf.manifest, KEY) == shelf.sealed.entries
    assert [len(c) for c in shelf.ciphertexts] == [f.size for f in shelf.manifest.files]
    assert shelf.manifest.size == sum(len(c) for c in shelf.ciphertexts)


@pytest.mark.parametrize("size", [RUN - 1, RUN, RUN + 1, 7 * 32 * 65520])
def test_files_of_several_runs_come_back(size: int) -> None:
    plain = pattern(size)

    shelf = seal([plain], piece_length=1 << 20)

    source = io.BytesIO(shelf.ciphertexts[0])
    assert open_file(shelf.manifest, 0, source, key=KEY).read() == plain


def test_progress_counts_plain_bytes_over_all_files() -> None:
    seen: list[int] = []
    plains = [pattern(RUN + 10), b"", pattern(5)]
    sources: list[tuple[FileEntry, BinaryIO]] = [
        (entry(f"{i}", size=len(plain), index=i), io.BytesIO(plain))
        for i, plain in enumerate(plains)
    ]

    seal_files(sources, lambda index: KeptSink(), key=KEY, piece_length=65536, progress=seen.append)

    assert seen == [RUN, RUN + 10, RUN + 10, RUN + 15]


@pytest.mark.parametrize("length", [2, 4, RUN, RUN + 3])
def test_a_file_that_changed_its_length_is_refused(length: int) -> None:
    source: list[tuple[FileEntry, BinaryIO]] = [(entry(size=3), io.BytesIO(pattern(length)))]

    with pytest.raises(FormatError, match=r"film\.mp4.*changed while"):
        seal_files(source, lambda index: KeptSink(), key=KEY, piece_length=65536)


def test_a_disk_that_is_full_stops_the_sealing() -> None:
    class Full(KeptSink):
        def write(self, data: object, /) -> int:
            raise OSError(28, "No space left on device")

    source: list[tuple[FileEntry, BinaryIO]] = [(entry(size=5 * RUN), io.BytesIO(pattern(5 * RUN)))]

    with pytest.raises(OSError, match="No space"):
        seal_files(source, lambda index: Full(), key=KEY, piece_length=65536)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "a\\b",
        "a\x00b",
        "a\nb",
        "a\u2028b",
        "gnp\u202eexe.png",
        "x" * 1025,
        "\ud800",
    ],
)
def test_a_name_that_is_no_plain_name_is_refused(name: str) -> None:
    sources: list[tuple[FileEntry, BinaryIO]] = [(entry(name), io.BytesIO(b"abc"))]

    with pytest.raises(FormatError, match="file name"):
        seal_files(sources, refuse_sink, key=KEY, piece_length=65536)


@pytest.mark.parametrize(
    "name", ["한글 이름.mp4", "👩‍👩‍👧.gif", "全角　空白.txt", ".hidden", "a..b", "نام.mp3"]
)
def test_names_of_all_peoples_are_kept(name: str) -> None:
    details = seal_details([entry(name)], seal_id="00" * 16, key=KEY)

    shelf = seal([b"abc"])
    manifest = dataclasses.replace(
        shelf.manifest,
        seal_id="00" * 16,
        key_commitment=KEY.commitment("00" * 16),
        details=details,
    )
    assert open_details(manifest, KEY)[0].name == name


@pytest.mark.parametrize(
    "entries", [[], [entry(index=1)], [entry(), entry()], [entry(media="a\n")], [entry(media="é")]]
)
def test_entries_outside_the_format_are_refused(entries: list[FileEntry]) -> None:
    sources: list[tuple[FileEntry, BinaryIO]] = [(e, io.BytesIO(b"abc")) for e in entries]

    with pytest.raises(FormatError):
        seal_files(sources, refuse_sink, key=KEY, piece_length=65536)


@pytest.mark.parametrize(
    ("total", "length"),
    [
        (0, 65536),
        (2048 * 65536, 65536),
        (2048 * 65536 + 1, 131072),
        (1 << 30, 1 << 19),
        (1 << 34, 1 << 23),
        (1 << 50, 1 << 23),
    ],
)
def test_pieces_grow_with_the_package(total: int, length: int) -> None:
    assert choose_piece_length(total) == length


# What is moved does not open


def test_files_do_not_change_places(shelf: Shelf) -> None:
    twins = seal([pattern(100, "a"), pattern(100, "b")])

    for index in (0, 1):
        with pytest.raises(AuthenticationError):
            open_file(twins.manifest, index, io.BytesIO(twins.ciphertexts[1 - index]), key=KEY)


def test_files_do_not_move_between_packages_of_one_key() -> None:
    one, two = seal([pattern(100)]), seal([pattern(100)])

    with pytest.raises(AuthenticationError):
        open_file(one.manifest, 0, io.BytesIO(two.ciphertexts[0]), key=KEY)


def test_another_key_is_refused_before_a_byte_is_read(shelf: Shelf) -> None:
    class Untouched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise AssertionError("nothing may be read")

    with pytest.raises(KeyMismatchError):
        open_file(shelf.manifest, 0, Untouched(), key=OTHER_KEY)
    with pytest.raises(KeyMismatchError):
        open_details(shelf.manifest, OTHER_KEY)


@pytest.mark.parametrize("index", [-1, 2, 0xFFFFFFFF])
def test_a_file_that_the_package_does_not_have_is_refused(shelf: Shelf, index: int) -> None:
    with pytest.raises(FormatError, match="no such file"):
        open_file(shelf.manifest, index, io.BytesIO(), key=KEY)


def test_details_of_another_package_are_refused(shelf: Shelf) -> None:
    other = seal([pattern(200_000, "a"), pattern(10, "b")])
    mixed = dataclasses.replace(shelf.manifest, details=other.manifest.details)

    with pytest.raises(AuthenticationError):
        open_details(mixed, KEY)


def test_details_that_do_not_fit_the_files_are_refused(shelf: Shelf) -> None:
    entries = [entry(size=200_001), entry("b", size=10, index=1)]
    details = seal_details(entries, seal_id=shelf.manifest.seal_id, key=KEY)

    with pytest.raises(AuthenticationError, match="does not fit"):
        open_details(dataclasses.replace(shelf.manifest, details=details), KEY)


def test_a_file_is_never_opened_as_details(shelf: Shelf) -> None:
    assert associated_data("00" * 16, 0xFFFFFFFF) != associated_data("00" * 16, 0)
    mixed = dataclasses.replace(shelf.manifest, details=shelf.ciphertexts[1])

    with pytest.raises(AuthenticationError):
        open_details(mixed, KEY)


# The manifest


def test_a_manifest_comes_back(shelf: Shelf) -> None:
    again = sign_manifest(shelf.manifest, issuer=ISSUER)

    assert again == shelf.jws
    assert read_manifest(again.decode(), issuer_public=ISSUER.public) == shelf.manifest
    assert package_id(again) == package_id(again.decode()) == shelf.package_id


def test_names_are_not_in_the_manifest(shelf: Shelf) -> None:
    for text in (b"file 0.bin", b"octet-stream"):
        assert text not in shelf.manifest.details


def test_every_changed_byte_of_a_manifest_is_refused(shelf: Shelf) -> None:
    for position in range(len(shelf.jws)):
        for flip in (1, 2, 0x20, 0x80):
            changed = bytearray(shelf.jws)
            changed[position] ^= flip
            with pytest.raises((AuthenticationError, FormatError)):
                read_manifest(bytes(changed), issuer_public=ISSUER.public)


def test_a_manifest_of_another_shop_is_refused(shelf: Shelf) -> None:
    with pytest.raises(AuthenticationError):
        read_manifest(shelf.jws, issuer_public=STRANGER.public)


def claims_of(manifest: Manifest) -> dict[str, object]:
    return {
        "v": 1,
        "seal_id": manifest.seal_id,
        "version": 1,
        "piece_length": manifest.piece_length,
        "segment_size": 65536,
        "files": [{"size": f.size, "root": b64u(f.root)} for f in manifest.files],
        "key_commitment": b64u(manifest.key_commitment),
        "details": b64u(manifest.details),
    }


@pytest.mark.parametrize(
    "change",
    [
        {"v": "1"},
        {"seal_id": "00" * 15},
        {"seal_id": "0A" * 16},
        {"version": 0},
        {"version": True},
        {"piece_length": 65535},
        {"piece_length": 32768},
        {"piece_length": 2**28},
        {"segment_size": 4096},
        {"files": []},
        {"files": [{"size": 10, "root": "A" * 43}]},
        {"files": [{"size": 57, "root": "AA"}]},
        {"files": [{"size": 57}]},
        {"files": ["x"]},
        {"files": None},
        {"key_commitment": "AA"},
        {"key_commitment": None},
        {"details": ""},
    ],
)
def test_a_malformed_manifest_is_refused_though_signed(
    shelf: Shelf, change: dict[str, object]
) -> None:
    jws = sign(claims_of(shelf.manifest) | change, key=ISSUER, kind="geobuk-manifest+jws")

    with pytest.raises(FormatError):
        read_manifest(jws, issuer_public=ISSUER.public)


@pytest.mark.parametrize("change", [{"v": 2}, {"crit": ["watermark"]}, {"crit": [5]}])
def test_a_newer_manifest_is_refused(shelf: Shelf, change: dict[str, object]) -> None:
    jws = sign(claims_of(shelf.manifest) | change, key=ISSUER, kind="geobuk-manifest+jws")

    with pytest.raises(UnsupportedError):
        read_manifest(jws, issuer_public=ISSUER.public)


def test_what_is_not_critical_may_be_new(shelf: Shelf) -> None:
    claims = claims_of(shelf.manifest) | {"remark": "new", "crit": ["files"]}
    jws = sign(claims, key=ISSUER, kind="geobuk-manifest+jws")

    assert read_manifest(jws, issuer_public=ISSUER.public) == shelf.manifest


def test_the_limits_hold_ten_thousand_files(shelf: Shelf) -> None:
    entries = [entry(f"track {i:05}.flac", size=i, index=i) for i in range(10_000)]
    manifest = Manifest(
        seal_id=shelf.manifest.seal_id,
        version=1,
        piece_length=65536,
        files=tuple(
            dataclasses.replace(shelf.manifest.files[0], size=ciphertext_size(e.size))
            for e in entries
        ),
        key_commitment=shelf.manifest.key_commitment,
        details=seal_details(entries, seal_id=shelf.manifest.seal_id, key=KEY),
    )

    read = read_manifest(sign_manifest(manifest, issuer=ISSUER), issuer_public=ISSUER.public)

    assert open_details(read, KEY) == tuple(entries)
    with pytest.raises(FormatError, match="number of files"):
        dataclasses.replace(manifest, files=(*manifest.files, manifest.files[0]))
