"""What a device holds of a package besides its bytes: manifest, licence, the shop's last word.

Licences are filed under the thumbprint of the device that they were made for. So a
new login finds nothing to open with and fetches its own, while a licence that was
copied over another device's is seen for what it is. The last word is the status that
the shop signed, as it came: a file that is torn, or that nobody signed, says nothing.
"""

from __future__ import annotations

from pathlib import Path

from drm.errors import DrmError
from drm.status import Status
from seeder.config import ShopFolder, exclusive, write_private
from seeder.shops import Shop
from seeder.trust import stored_status

__all__ = ["REVOKED", "Papers", "why_gone"]

REVOKED = (
    "The shop has withdrawn this purchase, as after a refund. "
    "Your library on the shop's page says why."
)

_GONE = {
    "expired": "This is over. You can rent or renew it in the shop.",
    "lent": "You have lent this. It opens again when it comes back to you.",
    "transferred": "You have passed this on, so it does not open here any more.",
    "returned": "You have given this back to its owner.",
}


def why_gone(state: str) -> str:
    """The sentence for a purchase in this state of the library, where no signed word gives one."""
    return _GONE.get(state, REVOKED)


class Papers:
    """The files of one package in one shop's folder."""

    def __init__(self, folder: ShopFolder, package: str, *, thumbprint: str, shop: Shop) -> None:
        self.package = package
        self._shop = shop
        self._last_read: tuple[bytes, Status | None] = (b"", None)
        self.folder: Path = folder.package(package)
        self.manifest_file = self.folder / "manifest.jws"
        self.licence_file = self.folder / "licences" / f"{thumbprint}.jws"
        self.status_file = self.folder / "statuses" / f"{thumbprint}.jws"
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

    def keep_status(self, jws: str, status: Status) -> Status:
        """Keep the shop's signed word, believed by the caller, and return what counts now.

        That is another one where a newer word came meanwhile, as to the daemon. A licence
        that has ended goes, after the word is written: cut short in between, this stays shut.
        """
        with exclusive(self.folder / "status.lock"):
            known = self.status()
            if known is not None and known.licence_id == status.licence_id:
                status = known if known.sequence > status.sequence else status
            if status is not known:
                write_private(self.status_file, jws.encode())
            if not status.open:
                self.licence_file.unlink(missing_ok=True)
        return status

    def status(self) -> Status | None:
        """The last signed word on a licence of this package; None where there is none."""
        data = _read(self.status_file)
        if data is None:
            return None
        if data != self._last_read[0]:
            try:
                self._last_read = data, stored_status(data, self._shop)
            except DrmError:
                self._last_read = data, None
        return self._last_read[1]

    def lowest_sequence(self, licence_id: str) -> int:
        """Below which a word on this licence is older than one that was believed here."""
        status = self.status()
        return status.sequence if status is not None and status.licence_id == licence_id else 0

    def revocation(self) -> str | None:
        """The shop's sentence where its last signed word ended the purchase, else None.

        It counts for every licence of the package: one of an earlier purchase that is put
        back opens nothing, and a new one opens by a new signed word alone.
        """
        status = self.status()
        if status is None or status.open:
            return None
        return status.message or REVOKED

    def stands(self) -> bool:
        """Whether a licence of this device lies here that no signed word has ended."""
        return self.licence_file.exists() and self.revocation() is None

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
