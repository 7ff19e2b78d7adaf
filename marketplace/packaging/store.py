"""Sealed packages on disk: ciphertext in one folder a package, what else is known beside it.

    STORE_DIR/<package>/00000 00001 …   ciphertext, and nothing else
    STORE_DIR/<package>.layers          piece layers, so that nobody hashes again
    STORE_DIR/<package>.mending         there while its files are fetched back from buyers
    STORE_DIR/.sealing-<draft>/         a package on its way
    STORE_DIR/.sealing-<draft>.to       the name that it is about to take

The last one makes a crash between the rename and the commit leave nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

from django.conf import settings

from marketplace.packaging.errors import PackageNotFoundError

__all__ = [
    "SealingFolder",
    "file_name",
    "layers_path",
    "mending_mark",
    "package_folder",
    "read_layers",
]

_PACKAGE_ID = re.compile(r"[0-9a-f]{64}")
# magic(4) "GBKL", version u8, number of files u32, then for each: length u32, hashes
_HEAD = struct.Struct(">4sBI")
_LENGTH = struct.Struct(">I")
_MAGIC, _VERSION = b"GBKL", 1


def package_folder(package_id: str) -> Path:
    """The folder of a package's ciphertext. Raises PackageNotFoundError for no package id."""
    if not _PACKAGE_ID.fullmatch(package_id):
        raise PackageNotFoundError(package_id[:80])
    return Path(settings.STORE_DIR) / package_id


def layers_path(package_id: str) -> Path:
    """The file of a package's piece layers."""
    folder = package_folder(package_id)
    return folder.with_name(folder.name + ".layers")


def mending_mark(package_id: str) -> Path:
    """The file that stands while a package is mended: its sizes then prove nothing."""
    folder = package_folder(package_id)
    return folder.with_name(folder.name + ".mending")


def file_name(index: int) -> str:
    """The opaque name of file `index`: 00000, 00001 …"""
    return f"{index:05d}"


def read_layers(package_id: str) -> tuple[bytes, ...]:
    """The piece layers (BEP 52) in the order of the files. Raises PackageNotFoundError."""
    try:
        data = layers_path(package_id).read_bytes()
    except FileNotFoundError:
        raise PackageNotFoundError(package_id) from None
    magic, version, count = _HEAD.unpack_from(data)
    if (magic, version) != (_MAGIC, _VERSION):
        raise PackageNotFoundError(package_id)
    layers, position = [], _HEAD.size
    for _ in range(count):
        (length,) = _LENGTH.unpack_from(data, position)
        position += _LENGTH.size
        layers.append(data[position : position + length])
        position += length
    return tuple(layers)


class SealingFolder:
    """Where the package of one draft comes into being, until it takes its name."""

    def __init__(self, draft_id: uuid.UUID) -> None:
        self._store = Path(settings.STORE_DIR)
        self.path = self._store / f".sealing-{draft_id}"
        self._intent = self._store / f".sealing-{draft_id}.to"

    def sweep(self, *, is_package: bool) -> None:
        """Delete what a run that crashed has left; keep a named package where `is_package`."""
        with contextlib.suppress(FileNotFoundError):
            shutil.rmtree(self.path)
        name = self._intent.read_text() if self._intent.exists() else ""
        # A note that was cut off while it was written names nothing, and nothing came after it.
        if _PACKAGE_ID.fullmatch(name) and not is_package:
            layers_path(name).unlink(missing_ok=True)
            with contextlib.suppress(FileNotFoundError):
                shutil.rmtree(package_folder(name))
        self._intent.unlink(missing_ok=True)

    def create(self) -> None:
        """Begin with an empty folder."""
        self.path.mkdir(parents=True)

    def make_durable(self, package_id: str, layers: Sequence[bytes]) -> None:
        """Get every byte onto the disk, and note the name that is about to be taken."""
        for file in sorted(self.path.iterdir()):
            _sync(file)
        _sync(self.path)
        _write(self._intent, [package_id.encode()])
        _write(layers_path(package_id), _pack(layers))
        _sync(self._store)

    def take_name(self, package_id: str) -> None:
        """Become the folder of `package_id`: at once and whole."""
        self.path.rename(package_folder(package_id))
        _sync(self._store)

    def finish(self) -> None:
        """The package is known to the database: the note has done its work."""
        self._intent.unlink(missing_ok=True)


def _pack(layers: Sequence[bytes]) -> Iterable[bytes]:
    yield _HEAD.pack(_MAGIC, _VERSION, len(layers))
    for layer in layers:
        yield _LENGTH.pack(len(layer))
        yield layer


def _write(path: Path, parts: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(parts)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
