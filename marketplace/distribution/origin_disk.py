"""Whether the disk of the sealed files is there: one that is not mounted is no lost store.

The origin writes an id into STORE_DIR (`.store-id`) and remembers it in ORIGIN_DIR
(`store-id`). Where it is remembered and not found, a disk is missing: nothing is fetched
back onto its mount point. A shop that was restored into an empty folder remembers none, so
its origin fetches back what is missing.
"""

from __future__ import annotations

import logging
import os
import secrets
from pathlib import Path

from django.conf import settings

__all__ = ["OriginDisk"]

logger = logging.getLogger(__name__)


class OriginDisk:
    """The disk of STORE_DIR, as this origin knows it."""

    def __init__(self) -> None:
        self._told = False

    def is_there(self) -> bool:
        """Look for the id; the first look of all agrees on one."""
        known = _read(self._remembered)
        if known:
            return _read(self._mark) == known
        found = _read(self._mark) or secrets.token_hex(16)
        try:
            # First into the store: what is remembered alone would be a missing disk.
            _write(self._mark, found)
            _write(self._remembered, found)
        except OSError as error:
            if not self._told:  # a store that can only be read is seeded all the same
                logger.warning("Nothing tells whether the store's disk is mounted: %s", error)
            self._told = True
        return True

    def why_missing(self) -> str:
        """Give the sentence for the operator."""
        return (
            f"{settings.STORE_DIR} is not the store that it was: its disk seems not to be "
            "mounted. Mount it, and seeding goes on by itself. If it is lost, delete "
            f"{self._remembered}: then the files are fetched back from the buyers' seeders."
        )

    @property
    def _mark(self) -> Path:
        return Path(settings.STORE_DIR) / ".store-id"

    @property
    def _remembered(self) -> Path:
        return Path(settings.ORIGIN_DIR) / "store-id"


def _read(path: Path) -> str:
    try:
        return path.read_text("ascii")
    except (OSError, UnicodeDecodeError):
        return ""


def _write(path: Path, text: str) -> None:
    """Write a file whole or not at all; on return it lasts."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
