"""Saving plain files, where the seller permits it: whole or not at all."""

from __future__ import annotations

import os
import secrets
import shutil
import unicodedata
from collections.abc import Callable
from pathlib import Path

from seeder.errors import TargetError
from seeder.files import sync_folder
from seeder.opened import OpenedPackage

__all__ = ["safe_name", "save_package", "save_target"]

CHUNK = 16 * 65520  # plaintext of 16 segments
LONGEST_NAME = 200  # bytes; file systems end at 255, and " (2)" may be added
RESERVED = frozenset(
    {"con", "prn", "aux", "nul", *(f"{p}{n}" for p in ("com", "lpt") for n in range(1, 10))}
)


def safe_name(name: str, *, fallback: str) -> str:
    """A file name that is one on every system and shows what it is.

    Separators, control and direction characters go (a right-to-left override would
    show "exe.mp4" for "4pm.exe"); the ending is kept when a long name is cut.
    """
    text = unicodedata.normalize("NFC", name)
    kept = "".join(
        "_" if c in '/\\:*?"<>|' else c for c in text if unicodedata.category(c)[0] != "C"
    )
    kept = kept.strip(" .")
    stem, dot, ending = kept.rpartition(".")
    if (stem or kept).split(".")[0].casefold() in RESERVED:
        kept = stem = f"_{stem or kept}"
        kept = f"{stem}{dot}{ending}" if dot else kept
    if len(kept.encode()) > LONGEST_NAME:
        tail = f".{ending}" if dot and len(ending.encode()) <= 16 else ""
        room = LONGEST_NAME - len(tail.encode())
        kept = kept.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + tail
    return kept or fallback


def unique_names(package: OpenedPackage) -> list[str]:
    """A name for each file of a package, no two the same on any file system."""
    names: list[str] = []
    taken: set[str] = set()
    for entry in package.entries:
        name = safe_name(entry.name, fallback=f"file {entry.index + 1}")
        stem, dot, ending = name.rpartition(".")
        number, candidate = 1, name
        while candidate.casefold() in taken:
            number += 1
            candidate = f"{stem} ({number}).{ending}" if dot else f"{name} ({number})"
        taken.add(candidate.casefold())
        names.append(candidate)
    return names


def save_target(package: OpenedPackage, path: Path, *, force: bool) -> Path:
    """Where the package goes: a file, or a folder for several files.

    A folder that is there takes one file under its own name, and several in a folder of
    their title, unless it is empty or has them from an earlier time. Raises TargetError
    where something is in the way, or the place is none.
    """
    path = path.expanduser().absolute()
    names = unique_names(package)
    single = len(names) == 1
    if path.is_dir() and single:
        path /= names[0]
    elif path.is_dir():
        there = {entry.name for entry in path.iterdir()}
        if not there:
            return path
        if there.isdisjoint(names):
            path /= safe_name(package.item.title, fallback="saved")
    if not path.parent.is_dir():
        raise TargetError(f"There is no folder {path.parent}. Make it first, or choose another.")
    if path.exists() and not force:
        raise TargetError(f"{path} is there already. Choose another name, or add --force.")
    if single and path.is_dir():
        raise TargetError(f"{path} is a folder. Choose another name.")
    if not single and path.exists() and not path.is_dir():
        raise TargetError(f"{path} is a file, and there are several to save. Name a folder.")
    return path


def save_package(
    package: OpenedPackage, path: Path, *, force: bool, progress: Callable[[int], None]
) -> list[Path]:
    """Decrypt into `path`; `progress` hears the plain bytes done. Returns the files.

    Everything is written beside the target first and renamed when it is on the disk. So
    a cut, changed bytes or Ctrl-C leave the target as it was. Raises LicenceRefusedError,
    TargetError.
    """
    target = save_target(package, path, force=force)
    scratch = (
        target.parent
        / f".{safe_name(target.name, fallback='save')[:80]}.{secrets.token_hex(4)}.part"
    )
    names = unique_names(package) if len(package.entries) > 1 else [target.name]
    done = 0
    scratch.mkdir()
    try:
        for index, name in enumerate(names):
            done = _write(package, index, scratch / name, done, progress)
        sync_folder(scratch)
        if len(names) == 1:
            (scratch / names[0]).replace(target)
        else:
            target.mkdir(exist_ok=True)
            for name in names:
                (scratch / name).replace(target / name)
            sync_folder(target)
        sync_folder(target.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return [target] if len(names) == 1 else [target / name for name in names]


def _write(
    package: OpenedPackage, index: int, path: Path, done: int, progress: Callable[[int], None]
) -> int:
    with package.open(index) as source, path.open("xb") as sink:
        position = 0
        while position < source.size:
            data = source.read_at(position, min(CHUNK, source.size - position))
            sink.write(data)
            position += len(data)
            progress(done + position)
        sink.flush()
        os.fsync(sink.fileno())
    return done + source.size
