"""What a torrent session remembers between two runs.

libtorrent believes resume data blindly: a truncated file would still count as
finished. So each one is kept in an envelope with the sizes and times of the
files it speaks of, and a marker in the folder says whether the last session
ended in order: for all torrents but those that the marker names, a JSON list of
info-hashes. The pieces it names are trusted only where all of that fits;
otherwise the files are hashed again, which finds everything that is there.

A write is a rename, and made to last later, with many others at once: the marker comes
after that. So a power cut can tear what was written last, which the digest tells, and
there is a former copy.

Layout of `<info-hash>.resume`:
    geobuk-resume-1 LF
    JSON {"sha256": of the payload, "files": [[size, mtime in ns] or null, …] or null} LF
    payload: what libtorrent wrote
`files` is null where the pieces were not known when it was saved.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from seeder.files import previous_path, sync_files, sync_folder, write_atomically

__all__ = ["FileTime", "ResumeData", "ResumeFolder", "file_times"]

# (size in bytes, modification time in ns), or nothing where the file is missing.
FileTime = tuple[int, int] | None

_MAGIC = b"geobuk-resume-1"
_CLEAN = "ended-in-order"


@dataclass(frozen=True, slots=True)
class ResumeData:
    """The payload, and whether the pieces that it names may be believed."""

    payload: bytes
    trusted: bool


def file_times(paths: Sequence[Path]) -> tuple[FileTime, ...]:
    """Look at the files; a missing one is None."""
    times: list[FileTime] = []
    for path in paths:
        try:
            status = path.stat()
        except OSError:
            times.append(None)
        else:
            times.append((status.st_size, status.st_mtime_ns))
    return tuple(times)


class ResumeFolder:
    """The folder of one session. Only the session's pump and `open`/`close` write in it."""

    def __init__(self, folder: Path) -> None:
        """Take over the folder; from here until `mark_clean` a stop is unclean."""
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        marker = folder / _CLEAN
        self._unsure = _read_marker(marker)
        self._unsynced: set[Path] = set()
        self._saved: set[str] = set()  # in this session: nothing was cut since
        marker.unlink(missing_ok=True)
        sync_folder(folder)

    def load(self, info_hash: str, paths: Sequence[Path]) -> ResumeData | None:
        """Give what was saved last and can still be read, or None."""
        path = self._path(info_hash)
        for candidate in (path, previous_path(path)):
            opened = _open_envelope(candidate)
            if opened is not None:
                payload, times = opened
                # A former copy knows less than the files, so it is never the whole truth.
                current = candidate == path and times == file_times(paths)
                whole = self._ended_in_order(info_hash) or info_hash in self._saved
                return ResumeData(payload, trusted=whole and current)
        return None

    def save(self, info_hash: str, payload: bytes, times: Sequence[FileTime] | None) -> None:
        """Keep the payload with the times of its files; the former one stays as a copy."""
        header = {
            "sha256": hashlib.sha256(payload).hexdigest(),
            "files": None if times is None else [time and list(time) for time in times],
        }
        envelope = b"\n".join((_MAGIC, json.dumps(header).encode(), payload))
        path = self._path(info_hash)
        write_atomically(path, envelope, keep_previous=True, durable=False)
        self._unsynced.add(path)
        self._saved.add(info_hash)

    def forget(self, info_hash: str) -> None:
        """Drop what is known of a torrent."""
        path = self._path(info_hash)
        self._saved.discard(info_hash)
        path.unlink(missing_ok=True)
        previous_path(path).unlink(missing_ok=True)

    def sync(self) -> None:
        """Make what was saved last. Raises OSError."""
        paths, self._unsynced = self._unsynced, set()
        sync_files(self._folder, paths)

    def mark_clean(self, *, unsure: Iterable[str] = ()) -> None:
        """Say that everything was saved but what is `unsure`: the next session may trust it."""
        self.sync()
        write_atomically(self._folder / _CLEAN, json.dumps(sorted(unsure)).encode())

    def _ended_in_order(self, info_hash: str) -> bool:
        return self._unsure is not None and info_hash not in self._unsure

    def _path(self, info_hash: str) -> Path:
        return self._folder / f"{info_hash}.resume"


def _read_marker(path: Path) -> frozenset[str] | None:
    """Give what the last session was unsure of; None where it did not end in order."""
    try:
        unsure = json.loads(path.read_bytes() or b"[]")  # empty, as it was once written
    except (OSError, ValueError):
        return None
    return frozenset(map(str, unsure)) if isinstance(unsure, list) else None


def _open_envelope(path: Path) -> tuple[bytes, tuple[FileTime, ...] | None] | None:
    try:
        magic, header_line, payload = path.read_bytes().split(b"\n", 2)
        header = json.loads(header_line)
        if magic != _MAGIC or header["sha256"] != hashlib.sha256(payload).hexdigest():
            return None
        files = header["files"]
        times = None if files is None else tuple(time and (time[0], time[1]) for time in files)
    except (OSError, ValueError, KeyError, TypeError, IndexError):
        # Cut, foreign or missing: the files themselves are the better witness.
        return None
    return payload, times
