"""Copying folders so that the copy may replace them: read back, with times and holes.

A file gets its time last, after it was read back and compared. So a copy that was cut
short is told from a whole one by size and time, and the next try goes on from there.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from seeder.files import bytes_taken, sync_folder

__all__ = ["Progress", "copy_missing", "files_below", "links_below"]

# Bytes copied so far, and the bytes that there are.
Progress = Callable[[int, int], None]

_CHUNK = 4 * 1024 * 1024


def files_below(folder: Path, names: Sequence[str]) -> list[Path]:
    """Give the files of a folder that are called so or lie in what is called so, sorted."""
    found: list[Path] = []
    for path in (folder / name for name in names):
        found += [path] if path.is_file() else path.rglob("*")
    return sorted(path for path in found if path.is_file() and not path.is_symlink())


def links_below(folder: Path, names: Sequence[str]) -> list[Path]:
    """Give the symbolic links among what is called so in a folder or lies below it, sorted."""
    found: list[Path] = []
    for path in (folder / name for name in names):
        found += [path, *path.rglob("*")]
    return sorted(path for path in found if path.is_symlink())


def copy_missing(source: Path, target: Path, files: Sequence[Path], progress: Progress) -> None:
    """Copy the files below `source` to the same places below `target`; on return they last.

    What an earlier try has copied is kept. Raises OSError.
    """
    sizes = [bytes_taken(path) for path in files]
    folders = {target}
    for number, path in enumerate(files):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        folders |= {parent for parent in copy.parents if parent.is_relative_to(target)}
        if not _same(path, copy):
            _copy(path, copy)
        progress(sum(sizes[: number + 1]), sum(sizes))
    for folder in sorted(folders, reverse=True):
        sync_folder(folder)


def _same(source: Path, copy: Path) -> bool:
    try:
        there, here = copy.stat(), source.stat()
    except FileNotFoundError:
        return False
    return (there.st_size, there.st_mtime_ns) == (here.st_size, here.st_mtime_ns)


def _copy(source: Path, copy: Path) -> None:
    with source.open("rb", buffering=0) as reader, copy.open("w+b", buffering=0) as writer:
        status = os.fstat(reader.fileno())
        parts = list(_parts_with_data(reader.fileno(), status.st_size))
        written = hashlib.sha256()
        for position, size in _chunks(parts):
            data = os.pread(reader.fileno(), size, position)
            written.update(data)
            _write_at(writer.fileno(), data, position)
        os.ftruncate(writer.fileno(), status.st_size)
        os.fsync(writer.fileno())
        if _hash_from_disk(writer.fileno(), parts) != written.digest():
            raise OSError(errno.EIO, "what was written does not read the same", str(copy))
        os.utime(writer.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
        os.fsync(writer.fileno())


def _hash_from_disk(descriptor: int, parts: Sequence[tuple[int, int]]) -> bytes:
    if hasattr(os, "posix_fadvise"):  # else it would be read from memory
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    found = hashlib.sha256()
    for position, size in _chunks(parts):
        found.update(os.pread(descriptor, size, position))
    return found.digest()


def _write_at(descriptor: int, data: bytes, position: int) -> None:
    view = memoryview(data)
    while view:
        count = os.pwrite(descriptor, view, position)
        view, position = view[count:], position + count


def _chunks(parts: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    for start, end in parts:
        for position in range(start, end, _CHUNK):
            yield position, min(_CHUNK, end - position)


def _parts_with_data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the parts of a file that are no holes, as (start, end)."""
    position = 0
    while position < size:
        try:
            start = os.lseek(descriptor, position, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        position = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, position
