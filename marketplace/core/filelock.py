"""Locks that a process cannot leave behind: the kernel drops them when it ends."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

__all__ = ["LockHeldError", "hold", "is_held"]


class LockHeldError(Exception):
    """Another process, or another thread of this one, holds the lock."""


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Hold the lock named `path`; the file goes when the lock does.

    Raises LockHeldError at once where it is held.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise LockHeldError(path.name) from None
        if _is_named(descriptor, path):
            break
        # Its last holder has unlinked the file between our open() and flock().
        os.close(descriptor)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Whether a living process holds the lock named `path`."""
    try:
        with hold(path):
            return False
    except LockHeldError:
        return True


def _is_named(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)
