"""A package of random bytes in a closed swarm, for benchmarks that download it."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from drm.keys import IdentityKey
from drm.merkle import FileHasher
from drm.swarm_authority import MemberKey, create_authority, issue_certificate
from seeder.torrents import build_metainfo, file_name, with_authority

__all__ = ["NAME", "Closed", "make", "make_open", "roomy_folder"]

NAME = "ab" * 32
BLOCK = 16 * 1024 * 1024


@dataclass(frozen=True)
class Closed:
    """The torrents of a package, and what lets into the closed one, PEM."""

    open_metainfo: bytes
    metainfo: bytes
    certificate: str
    key: str


def roomy_folder(size: int) -> Path | None:
    """Memory where there is room for `size` bytes, else the usual place (None).

    A disk that is busy with the last round's bytes would decide more than the programs do.
    """
    memory = Path("/dev/shm")  # noqa: S108
    return memory if memory.is_dir() and shutil.disk_usage(memory).free > size else None


def make(save_path: Path, *, size: int, piece_length: int) -> Closed:
    """Write a package of one file into `save_path`; its torrents, and a member's certificate."""
    metainfo = make_open(save_path, size=size, piece_length=piece_length)
    now, authority, key = datetime.now(UTC), IdentityKey.generate(), MemberKey()
    closed = with_authority(metainfo, create_authority(authority, package_id=NAME, now=now))
    issued = issue_certificate(
        key.request(), key=authority, package_id=NAME, now=now, lifetime=timedelta(hours=1)
    )
    return Closed(metainfo, closed, issued.pem, key.private_pem())


def make_open(save_path: Path, *, size: int, piece_length: int) -> bytes:
    """Write a package of one file into `save_path`; its torrent of an open swarm."""
    path = save_path / NAME / file_name(0)
    path.parent.mkdir(parents=True)
    hasher = FileHasher(piece_length)
    with path.open("wb") as file:
        for _ in range(size // BLOCK):
            data = os.urandom(BLOCK)
            file.write(data)
            hasher.update(data)
    digest = hasher.finish()
    return build_metainfo(
        name=NAME,
        files=[(size, digest.root)],
        piece_layers=[digest.piece_layer],
        piece_length=piece_length,
    )
