"""A package that was opened, and the plaintext of its files, while it may be played."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Self

from drm.errors import DrmError
from drm.keys import ContentKey
from drm.manifest import FileEntry, Manifest
from drm.package import open_file
from drm.rights import Rights
from drm.stream import StreamReader
from seeder.errors import LicenceRefusedError, NotCompleteError
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.permit import Permit

__all__ = ["CHANGED_BYTES", "OpenedPackage", "PlainFile", "changed_bytes", "incomplete"]

CHANGED_BYTES = (
    "This copy holds changed bytes: they are not what the seller sealed, so nothing of "
    "them is shown. Mend it with: geobuk sync"
)


def changed_bytes() -> LicenceRefusedError:
    return LicenceRefusedError(CHANGED_BYTES, code="changed_bytes")


class PlainFile:
    """The plaintext of one file, from any place and any thread. Close it after use."""

    def __init__(
        self, source: BinaryIO, reader: StreamReader, papers: Papers, permit: Permit | None
    ) -> None:
        self._source = source
        self._permit = permit
        self._reader = reader
        self._papers = papers
        self.size = reader.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return exactly these plain bytes; the first ones begin the play of what ends.

        Raises LicenceRefusedError: changed_bytes, or what is over.
        """
        if self._permit is not None:
            self._permit.check()
        try:
            data = self._reader.read_at(offset, size)
        except (DrmError, OSError) as error:
            self._papers.doubt()
            raise changed_bytes() from error
        if len(data) != size:
            raise changed_bytes()
        return data

    def close(self) -> None:
        self._source.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True)
class OpenedPackage:
    """A package that may be opened now. Its key is in memory only."""

    item: LibraryItem
    manifest: Manifest
    entries: tuple[FileEntry, ...]
    rights: Rights
    content: Path
    papers: Papers
    online: bool
    _key: ContentKey = field(repr=False)
    permit: Permit | None = None  # what a play of something that ends may still do

    def path(self, index: int) -> Path:
        return self.content / f"{index:05d}"

    def check(self) -> None:
        """Refuse if it was withdrawn or is over since; cheap enough for every request."""
        message = self.papers.revocation()
        if message is not None and not self._ends_by_itself():
            raise LicenceRefusedError(message, code="revoked")
        if self.permit is not None:
            self.permit.look()

    def _ends_by_itself(self) -> bool:
        """Whether the shop signed only that its time is over, which a play that began in time
        may outlast (soft end, last play): its permit says for how long."""
        status = self.papers.status()
        over = status is not None and status.status == "expired"
        return over and self.permit is not None and self.permit.begun

    def end(self) -> None:
        """Close the play: one shorter than the grace of its right counts nothing."""
        if self.permit is not None:
            self.permit.end()

    def open(self, index: int) -> PlainFile:
        """One file's plaintext, with an open file of its own beneath.

        Raises LicenceRefusedError (changed_bytes) where the end of the file is not
        genuine; what lies before is checked as it is read.
        """
        self.check()
        try:
            source = self.path(index).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise incomplete(self.item) from error
        try:
            reader = open_file(self.manifest, index, source, key=self._key)
            return PlainFile(source, reader, self.papers, self.permit)
        except DrmError as error:
            source.close()
            self.papers.doubt()
            raise changed_bytes() from error
        except BaseException:
            source.close()
            raise


def incomplete(item: LibraryItem) -> NotCompleteError:
    return NotCompleteError(
        f"“{item.title}” is not all on this machine yet. Fetch the rest with: geobuk sync"
    )
