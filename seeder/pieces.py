"""The pieces of a torrent, and whether the bytes on the disk are theirs: hashing, no libtorrent."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from drm.merkle import hash_leaves, piece_root
from seeder.bencode import bdecode, raw_items
from seeder.torrents import TorrentInfo, read_metainfo

__all__ = ["Piece", "Pieces", "is_genuine", "pieces_of"]

_HASH = 32
_CHUNK = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Piece:
    """One piece: `size` bytes at `offset` of a file, and the hash that they should have.

    `piece_length` is None where the file is this piece alone (BEP 52).
    """

    number: int
    file: str
    offset: int
    size: int
    digest: bytes
    piece_length: int | None


@dataclass(frozen=True, slots=True)
class Pieces:
    """The pieces of one torrent in order; every file begins with a new one."""

    info: TorrentInfo
    layers: dict[bytes, bytes]

    def __iter__(self) -> Iterator[Piece]:
        length, number = self.info.piece_length, 0
        for file in self.info.files:
            alone = file.size <= length
            layer = file.root if alone else self.layers[file.root]
            for offset in range(0, file.size, length):
                at = offset // length * _HASH
                yield Piece(
                    number=number,
                    file=file.name,
                    offset=offset,
                    size=min(length, file.size - offset),
                    digest=layer[at : at + _HASH],
                    piece_length=None if alone else length,
                )
                number += 1


def pieces_of(metainfo: bytes, *, private: bool = True) -> Pieces:
    """Read the pieces out of a torrent of ours. Raises TorrentError."""
    info = read_metainfo(metainfo, private=private)  # has compared the layers with the roots
    layers = bdecode(raw_items(metainfo).get(b"piece layers", b"de"))
    found = layers if isinstance(layers, dict) else {}
    return Pieces(info, {key: value for key, value in found.items() if isinstance(value, bytes)})


def is_genuine(piece: Piece, folder: Path) -> bool:
    """Whether the piece lies in the package's folder as the torrent says.

    It is read from the disk, not from memory, where the system can be told so. Raises
    OSError where it cannot be read; a file that is missing or too short is not genuine.
    """
    try:
        with (folder / piece.file).open("rb", buffering=0) as file:
            _drop_from_memory(file.fileno(), piece)
            leaves = _leaves(file.fileno(), piece)
            _drop_from_memory(file.fileno(), piece)
    except FileNotFoundError:
        return False
    return (
        leaves is not None and piece_root(leaves, piece_length=piece.piece_length) == piece.digest
    )


def _leaves(descriptor: int, piece: Piece) -> list[bytes] | None:
    leaves: list[bytes] = []
    end = piece.offset + piece.size
    for position in range(piece.offset, end, _CHUNK):
        wanted = min(_CHUNK, end - position)
        data = os.pread(descriptor, wanted, position)
        if len(data) != wanted:
            return None
        leaves += hash_leaves(data)
    return leaves


def _drop_from_memory(descriptor: int, piece: Piece) -> None:
    # Memory would hide what rots on the disk; and what is read once need not stay in it.
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, piece.offset, piece.size, os.POSIX_FADV_DONTNEED)
