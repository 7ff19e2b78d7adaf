"""Secrets that are made at the first run and kept in a file only their owner can read."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

__all__ = ["read_or_create_secret", "replace_secret", "write_new_secret"]


def read_or_create_secret(path: Path, *, size: int = 32) -> str:
    """Return the hexadecimal secret in `path`, making `size` random bytes where there is none.

    Two processes that start at once agree: the file appears whole, and only once.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = _draft(path, secrets.token_hex(size))
        try:
            # link() fails where the name exists, so the first writer wins.
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def replace_secret(path: Path, text: str) -> None:
    """Put `text` in the place of the secret in `path`: a reader sees the old or the new, whole."""
    draft = _draft(path, text)
    try:
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    # The new name has to be on the disk before anything relies on it.
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_new_secret(path: Path, text: str) -> None:
    """Write a file that only its owner can read. Raises FileExistsError where there is one."""
    draft = _draft(path, text)
    try:
        # link() fails where the name exists, and never shows half a file.
        os.link(draft, path)
    finally:
        draft.unlink()


def _draft(path: Path, text: str) -> Path:
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return draft
