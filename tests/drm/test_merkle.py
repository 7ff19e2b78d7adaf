"""Roots and piece layers are those of libtorrent, an independent implementation."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import libtorrent
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drm.merkle import FileHash, FileHasher
from tests.drm.house import pattern, seal

# Its type stubs do not know `list_files`.
lt: Any = libtorrent

PIECES = [16384, 65536, 262144]
KIB = 1024


def by_libtorrent(folder: Path, data: bytes, piece_length: int) -> FileHash:
    path = folder / "file"
    path.write_bytes(data)
    created = lt.create_torrent(lt.list_files(str(path)), piece_length, lt.create_torrent.v2_only)
    lt.set_piece_hashes(created, str(folder))
    metainfo: Any = created.generate()
    root = metainfo[b"info"][b"file tree"][b"file"][b""][b"pieces root"]
    return FileHash(root=root, piece_layer=metainfo[b"piece layers"].get(root, b""))


def ours(data: bytes, piece_length: int, cuts: list[int]) -> FileHash:
    hasher = FileHasher(piece_length)
    start = 0
    for cut in [*cuts, len(data)]:
        hasher.update(data[start : start + cut])
        start = min(len(data), start + cut)
    hasher.update(data[start:])
    return hasher.finish()


@pytest.mark.parametrize("piece_length", PIECES)
@pytest.mark.parametrize(
    "size",
    [
        1,
        16 * KIB - 1,
        16 * KIB,
        16 * KIB + 1,
        48 * KIB,
        64 * KIB - 1,
        64 * KIB,
        64 * KIB + 1,
        80 * KIB,
        3 * 64 * KIB,
        256 * KIB,
        5 * 256 * KIB + 3,
        17 * 64 * KIB + 5,
    ],
)
def test_hashes_are_libtorrents(tmp_path: Path, size: int, piece_length: int) -> None:
    data = pattern(size)

    assert ours(data, piece_length, []) == by_libtorrent(tmp_path, data, piece_length)


@given(
    size=st.integers(1, 400_000),
    piece_length=st.sampled_from(PIECES),
    cuts=st.lists(st.integers(0, 100_000), max_size=8),
)
@settings(max_examples=60, deadline=None)
def test_how_the_bytes_arrive_does_not_matter(
    size: int, piece_length: int, cuts: list[int]
) -> None:
    data = pattern(size)

    assert ours(data, piece_length, cuts) == ours(data, piece_length, [])


@pytest.mark.parametrize("piece_length", [65536, 1048576])
def test_the_hashes_made_while_sealing_are_libtorrents(tmp_path: Path, piece_length: int) -> None:
    plains = [pattern(n, str(n)) for n in (0, 70_000, 9_000_000)]

    shelf = seal(plains, piece_length=piece_length)

    for cipher, file, layer in zip(
        shelf.ciphertexts, shelf.manifest.files, shelf.sealed.piece_layers, strict=True
    ):
        expected = by_libtorrent(tmp_path, cipher, piece_length)
        assert FileHash(root=file.root, piece_layer=layer) == expected


def test_an_empty_file_has_no_tree() -> None:
    assert FileHasher(65536).finish() == FileHash(root=b"", piece_layer=b"")


@pytest.mark.parametrize("piece_length", [0, 8192, 65535, 3 * 16384])
def test_a_piece_length_outside_bep_52_is_refused(piece_length: int) -> None:
    with pytest.raises(ValueError, match="power of two"):
        FileHasher(piece_length)
