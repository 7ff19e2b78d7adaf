"""Packages of random bytes, hashed by drm as sealing does, and the torrents of them."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from drm.merkle import FileHasher
from seeder.torrents import build_metainfo, file_name, info_hash

__all__ = ["PIECE", "Content", "make_content", "same_files"]

PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A package in `save_path / name`, and its torrent."""

    name: str
    save_path: Path
    metainfo: bytes
    info_hash: str
    sizes: tuple[int, ...]

    @property
    def total(self) -> int:
        return sum(self.sizes)

    def file(self, index: int) -> Path:
        return self.save_path / self.name / file_name(index)


def make_content(
    save_path: Path, sizes: Sequence[int], *, piece_length: int = PIECE, seed: int = 1
) -> Content:
    """Write files of these sizes and build their torrent from the roots that drm computes."""
    generator = random.Random(seed)
    name = hashlib.sha256(f"{sizes}{seed}".encode()).hexdigest()
    folder = save_path / name
    folder.mkdir(parents=True)
    roots: list[tuple[int, bytes]] = []
    layers: list[bytes] = []
    for index, size in enumerate(sizes):
        data = generator.randbytes(size)
        (folder / file_name(index)).write_bytes(data)
        hasher = FileHasher(piece_length)
        hasher.update(data)
        digest = hasher.finish()
        roots.append((size, digest.root))
        layers.append(digest.piece_layer)
    metainfo = build_metainfo(
        name=name, files=roots, piece_layers=layers, piece_length=piece_length
    )
    return Content(name, save_path, metainfo, info_hash(metainfo), tuple(sizes))


def same_files(content: Content, save_path: Path) -> bool:
    """Whether the package in another place holds the very same bytes."""
    return all(
        content.file(index).read_bytes()
        == (save_path / content.name / file_name(index)).read_bytes()
        for index in range(len(content.sizes))
    )
