"""What a device holds of a package besides its bytes: manifest, licence, and a mark of revocation.

Licences are filed under the thumbprint of the device that they were made for. So a
new login finds nothing to open with and fetches its own, while a licence that was
copied over another device's is seen for what it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from seeder.config import ShopFolder, read_json, write_json, write_private
from seeder.library import LibraryItem, store_library

__all__ = [
    "REVOKED",
    "Papers",
    "remember_library",
]

REVOKED = (
    "The shop has withdrawn this purchase, as after a refund. "
    "Your library on the shop's page says why."
)


class Papers:
    """The files of one package in one shop's folder."""

    def __init__(self, folder: ShopFolder, package: str, *, thumbprint: str) -> None:
        self.package = package
        self.folder: Path = folder.package(package)
        self.manifest_file = self.folder / "manifest.jws"
        self.licence_file = self.folder / "licences" / f"{thumbprint}.jws"
        self.revoked_file = self.folder / "revoked.json"
        self.complete_file = self.folder / "complete"
        self.doubt_file = self.folder / "recheck"

    def manifest(self) -> bytes | None:
        return _read(self.manifest_file)

    def licence(self) -> str | None:
        data = _read(self.licence_file)
        return None if data is None else data.decode("utf-8", "replace")

    def keep_manifest(self, jws: bytes) -> None:
        write_private(self.manifest_file, jws)

    def keep_licence(self, jws: str) -> None:
        write_private(self.licence_file, jws.encode())

    def others_licence(self) -> bool:
        """Whether a licence lies here, though none of this device's."""
        return any(f != self.licence_file for f in self.folder.glob("licences/*.jws"))

    def revoke(self, message: str, *, now: datetime) -> None:
        """Remember a revocation, mark first: offline, too, this stays closed."""
        write_json(self.revoked_file, {"message": message, "at": now.isoformat()})
        self.licence_file.unlink(missing_ok=True)

    def revocation(self) -> str | None:
        """The sentence of a remembered revocation. A torn mark still counts as one."""
        if not self.revoked_file.exists():
            return None
        message = (read_json(self.revoked_file) or {}).get("message")
        return message if isinstance(message, str) and message else REVOKED

    def lift(self) -> None:
        """Forget a revocation: the shop has given a licence again."""
        self.revoked_file.unlink(missing_ok=True)

    def mark_complete(self) -> None:
        """Note that every byte came and was checked: sizes alone do not say so."""
        if not self.complete_file.exists():
            write_private(self.complete_file, b"")

    @property
    def complete(self) -> bool:
        return self.complete_file.exists() and not self.doubt_file.exists()

    def doubt(self) -> None:
        """Note that bytes were changed, so that the next download hashes all again."""
        self.complete_file.unlink(missing_ok=True)
        write_private(self.doubt_file, b"")

    def take_doubt(self) -> bool:
        """Whether there is such a note; it is taken away."""
        try:
            self.doubt_file.unlink()
        except FileNotFoundError:
            return False
        return True


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def remember_library(
    folder: ShopFolder, items: Sequence[LibraryItem], *, thumbprint: str, now: datetime
) -> None:
    """Keep the shop's list for use offline, and close what it has withdrawn."""
    store_library(folder, items, now=now)
    active = {item.package for item in items if item.active}
    for package in {item.package for item in items} - active:
        papers = Papers(folder, package, thumbprint=thumbprint)
        if papers.revocation() is None:
            papers.revoke(REVOKED, now=now)
