"""Where the bytes of uploads lie, and how they get there.

UPLOAD_DIR/<draft>/<upload> grows to the right as bytes come in: its size *is* the
offset of the tus protocol, so whatever reached the disk before a crash counts. A
piece that comes with a checksum counts only when it was verified; until then a
mark beside the file keeps the offset at which it began.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _

from marketplace.packaging.errors import UploadBusyError

__all__ = [
    "PATIENCE",
    "PAUSE",
    "UploadFile",
    "discard_draft_files",
    "draft_folder",
    "free_bytes",
    "received_bytes",
    "upload_path",
]

PATIENCE = 3.0  # seconds to wait for a writer that is just ending
PAUSE = 0.05
_MARK = ".unverified"


def draft_folder(draft_id: uuid.UUID) -> Path:
    """The folder of a draft's uploads; it need not exist."""
    return Path(settings.UPLOAD_DIR) / str(draft_id)


def upload_path(draft_id: uuid.UUID, upload_id: uuid.UUID) -> Path:
    """The file of one upload; it need not exist."""
    return draft_folder(draft_id) / str(upload_id)


def received_bytes(path: Path) -> int:
    """How many bytes of an upload count. 0 where nothing has come yet."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return 0
    with contextlib.suppress(FileNotFoundError, ValueError):
        return min(size, int(_mark_of(path).read_text()))
    return size


def free_bytes(folder: Path) -> int:
    """Bytes free for us on the disk of `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    return shutil.disk_usage(folder).free


def discard_draft_files(draft_id: uuid.UUID) -> None:
    """Delete every upload of a draft. Nothing happens where there is none."""
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(draft_folder(draft_id))


class UploadFile:
    """The file of one upload, open for its only writer."""

    def __init__(self, path: Path) -> None:
        """Open `path`, and drop what was never verified.

        Raises UploadBusyError where another thread or process has it open.
        """
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._path = path
        self._file = io.FileIO(path, "ab+", opener=_private)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._file.close()
            raise UploadBusyError(
                _("Another connection is still sending this file. Wait a moment, then resume.")
            ) from None
        self.roll_back()

    @classmethod
    @contextlib.contextmanager
    def hold(cls, path: Path) -> Iterator[UploadFile]:
        """Open `path` for a block, waiting a little for a writer that is just ending."""
        with contextlib.closing(cls._open_patiently(path)) as file:
            yield file

    @classmethod
    def _open_patiently(cls, path: Path) -> UploadFile:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return cls(path)
            except UploadBusyError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(PAUSE)

    def close(self) -> None:
        """Let others write."""
        self._file.close()

    @property
    def offset(self) -> int:
        """The number of bytes that are there: where the next one goes."""
        return os.fstat(self._file.fileno()).st_size

    def append(self, data: bytes | bytearray) -> None:
        """Write `data` at the end. Raises OSError, with what fitted kept."""
        rest = memoryview(data)
        while rest:
            rest = rest[self._file.write(rest) :]

    def begin_unverified(self) -> None:
        """What follows counts only after `verified`."""
        _mark_of(self._path).write_text(str(self.offset))

    def verified(self) -> None:
        """What came since `begin_unverified` counts."""
        _mark_of(self._path).unlink(missing_ok=True)

    def roll_back(self) -> None:
        """Drop what came since a `begin_unverified` that `verified` did not follow."""
        with contextlib.suppress(FileNotFoundError, ValueError):
            self.cut_back(int(_mark_of(self._path).read_text()))
        self.verified()

    def cut_back(self, offset: int) -> None:
        """Drop what lies behind `offset`."""
        self._file.truncate(min(self.offset, offset))

    def head(self, size: int) -> bytes:
        """The first `size` bytes."""
        return os.pread(self._file.fileno(), size, 0)

    def sync(self) -> None:
        """Return when the bytes are on the disk itself."""
        os.fsync(self._file.fileno())

    def remove(self) -> None:
        """Delete the file."""
        self._path.unlink(missing_ok=True)
        self.verified()


def _mark_of(path: Path) -> Path:
    return path.with_name(path.name + _MARK)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
