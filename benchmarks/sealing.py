"""Sealing one gibibyte against the sum of its parts, each done by the best tool for it.

The parts: OpenSSL encrypts the file (AES-256-GCM, a megabyte at a time, on one core),
and libtorrent hashes it into a v2 torrent. Sealing does both. All read the same file
from the page cache, and both writers write over the same file, which is there already:
else the first of them would pay for the memory and the disk space that the others then
find. The figure is the median of rounds by turns.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import libtorrent as lt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from benchmarks.results import Result
from drm.keys import ContentKey
from drm.manifest import FileEntry
from drm.package import choose_piece_length, seal_files
from drm.stream import ciphertext_size

__all__ = ["run"]

SIZE = 1024**3
BLOCK = 1024**2
ROUNDS = 3
# Sealing uses both cores, so it must not take longer than one part after the other.
BAR = 1.0


def run() -> list[Result]:
    """Seal, encrypt and hash by turns; give the speed of sealing in MB/s."""
    folder = Path(tempfile.mkdtemp(prefix="geobuk-sealing-"))
    try:
        plain, target = folder / "plain", folder / "target"
        _fill(plain, SIZE)
        _fill(target, ciphertext_size(SIZE))
        sealing: list[float] = []
        parts: list[float] = []
        for _ in range(ROUNDS):
            sealing.append(_time(_seal, plain, target))
            encryption = _time(_encrypt, plain, target)
            parts.append(encryption + _time(_hash, plain, target))
    finally:
        shutil.rmtree(folder)
    ours, reference = statistics.median(sealing), statistics.median(parts)
    return [
        Result(
            name="sealing of 1 GiB, against OpenSSL's encryption and libtorrent's hashing in turn",
            value=SIZE / 1e6 / ours,
            unit="MB/s",
            reference=SIZE / 1e6 / reference,
            ratio=reference / ours,
            bar=BAR,
        )
    ]


def _time(work: Callable[[Path, Path], None], plain: Path, target: Path) -> float:
    os.sync()
    began = time.monotonic()
    work(plain, target)
    return time.monotonic() - began


def _fill(path: Path, size: int) -> None:
    with path.open("wb") as file:
        for start in range(0, size, BLOCK):
            file.write(os.urandom(min(BLOCK, size - start)))


def _seal(plain: Path, target: Path) -> None:
    entry = FileEntry(name="plain", media_type="application/octet-stream", size=SIZE, index=0)
    with plain.open("rb") as source:
        seal_files(
            [(entry, source)],
            lambda index: target.open("r+b"),
            key=ContentKey.generate(),
            piece_length=choose_piece_length(SIZE),
        )


def _encrypt(plain: Path, target: Path) -> None:
    cipher = Cipher(algorithms.AES(os.urandom(32)), modes.GCM(os.urandom(12))).encryptor()
    buffer = bytearray(BLOCK + 15)
    with plain.open("rb") as source, target.open("r+b") as sink:
        while data := source.read(BLOCK):
            length = cipher.update_into(data, buffer)
            sink.write(memoryview(buffer)[:length])
        cipher.finalize()


def _hash(plain: Path, _target: Path) -> None:
    storage = lt.file_storage()
    storage.add_file(plain.name, SIZE)
    torrent = lt.create_torrent(storage, choose_piece_length(SIZE), flags=lt.create_torrent.v2_only)
    lt.set_piece_hashes(torrent, str(plain.parent))
