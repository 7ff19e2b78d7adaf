"""Opening what is bought: every check, in order, before the first byte.

    manifest (signed, hashes to the package id) ─► files on disk ─► last signed word
      ─► licence (signed, this device, this content, in time, right) ─► status, if the
      shop answers ─► content key ─► last segment of each file

A perpetual licence opens without the shop. What the shop signs outranks the licence and
is kept, so going offline afterwards opens nothing; what it does not sign changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Self

import drm.errors
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.keys import ContentKey
from drm.licence import LicenceClaims, OpenedLicence, open_licence
from drm.manifest import FileEntry, Manifest, open_details
from drm.package import open_file
from drm.rights import Action, Rights
from drm.status import Status
from drm.stream import StreamReader
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.errors import (
    DeviceRemovedError,
    LicenceRefusedError,
    NotCompleteError,
    NotLoggedInError,
    ShopError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.library import LibraryItem
from seeder.papers import REVOKED, Papers
from seeder.shops import Shop
from seeder.standing import ask_licence
from seeder.trust import certified_licence, certified_manifest

__all__ = ["CHANGED_BYTES", "OpenedPackage", "Opener", "PlainFile", "changed_bytes"]

CHANGED_BYTES = (
    "This copy holds changed bytes: they are not what the seller sealed, so nothing of "
    "them is shown. Mend it with: geobuk sync"
)


def changed_bytes() -> LicenceRefusedError:
    return LicenceRefusedError(CHANGED_BYTES, code="changed_bytes")


class PlainFile:
    """The plaintext of one file, from any place and any thread. Close it after use."""

    def __init__(self, source: BinaryIO, reader: StreamReader, papers: Papers) -> None:
        self._source = source
        self._reader = reader
        self._papers = papers
        self.size = reader.size

    def read_at(self, offset: int, size: int) -> bytes:
        """Return exactly these plain bytes. Raises LicenceRefusedError (changed_bytes)."""
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

    def path(self, index: int) -> Path:
        return self.content / f"{index:05d}"

    def check(self) -> None:
        """Refuse if the purchase was withdrawn since; cheap enough for every request."""
        message = self.papers.revocation()
        if message is not None:
            raise LicenceRefusedError(message, code="revoked")

    def open(self, index: int) -> PlainFile:
        """One file's plaintext, with an open file of its own beneath.

        Raises LicenceRefusedError (changed_bytes) where the end of the file is not
        genuine; what lies before is checked as it is read.
        """
        self.check()
        try:
            source = self.path(index).open("rb", buffering=0)
        except FileNotFoundError as error:
            raise _incomplete(self.item) from error
        try:
            return PlainFile(
                source, open_file(self.manifest, index, source, key=self._key), self.papers
            )
        except DrmError as error:
            source.close()
            self.papers.doubt()
            raise changed_bytes() from error
        except BaseException:
            source.close()
            raise


def _incomplete(item: LibraryItem) -> NotCompleteError:
    return NotCompleteError(
        f"“{item.title}” is not all on this machine yet. Fetch the rest with: geobuk sync"
    )


class Opener:
    """Opens packages of one shop for one device; `client` is None to stay offline."""

    def __init__(
        self,
        shop: Shop,
        folder: ShopFolder,
        device: DeviceKeys,
        client: ShopClient | None,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._shop = shop
        self._folder = folder
        self._device = device
        self._client = client
        self._clock = clock

    def papers(self, package: str) -> Papers:
        return Papers(self._folder, package, thumbprint=self._device.thumbprint, shop=self._shop)

    def open(self, item: LibraryItem, *, content: Path, action: Action) -> OpenedPackage:
        """Check everything and return the opened package.

        `content` is the folder of the package's ciphertext files. Raises
        LicenceRefusedError with a sentence, NotCompleteError, or a ShopError where
        something is missing here and the shop cannot be asked.
        """
        papers = self.papers(item.package)
        manifest = self.manifest(item.package)
        _check_sizes(item, manifest, content, papers)
        jws, word = self._licence(papers, item, manifest, action)
        opened = self._open_licence(jws, papers, manifest, action)
        try:
            entries = open_details(manifest, opened.content_key)
        except DrmError as error:
            raise _refusal(error, papers) from error
        package = OpenedPackage(
            item=item,
            manifest=manifest,
            entries=entries,
            rights=opened.rights,
            content=content,
            papers=papers,
            online=word is not None,
            _key=opened.content_key,
        )
        for index in range(len(entries)):
            package.open(index).close()  # the last segment says whether the file is whole
        return package

    def prepare(self, item: LibraryItem) -> None:
        """Fetch manifest and licence now, so that the package opens offline later."""
        papers = self.papers(item.package)
        self.manifest(item.package)
        if not papers.stands():
            self._fetch_licence(papers, item)

    def manifest(self, package: str) -> Manifest:
        """The signed manifest: the copy here, or the shop's where none is here that holds."""
        papers = self.papers(package)
        held = papers.manifest()
        if held is not None:
            try:
                return certified_manifest(held, self._shop, package=package)
            except LicenceRefusedError:
                if self._client is None:
                    raise
        if self._client is None:
            raise ShopUnreachableError(
                "The list of this content's files is not on this machine yet. "
                "Try again when the shop can be reached."
            )
        fetched = self._client.manifest(package).encode()
        manifest = certified_manifest(fetched, self._shop, package=package)
        papers.keep_manifest(fetched)
        return manifest

    # The licence and what the shop says of it --------------------------------

    def _licence(
        self, papers: Papers, item: LibraryItem, manifest: Manifest, action: Action
    ) -> tuple[str, Status | None]:
        """This device's licence, and the word that the shop has signed on it just now, if any."""
        held = papers.licence()
        if held is None or not papers.stands():
            return self._fetch_licence(papers, item)
        try:
            claims, _issuer = certified_licence(held, self._shop)
        except DrmError as error:
            # A torn file heals where the shop can be asked; it opens nothing either way.
            if self._client is None:
                raise _refusal(error, papers) from error
            return self._fetch_licence(papers, item)
        # Refuse what is not for us before the shop is asked about it.
        self._open_licence(held, papers, manifest, action)
        return held, self._confirm(papers, claims)

    def _fetch_licence(self, papers: Papers, item: LibraryItem) -> tuple[str, Status | None]:
        """Get the licence from the shop; where its last word was an end, with a new one."""
        revoked = papers.revocation()
        try:
            if self._client is None:
                raise _no_licence(papers, item)
            jws = self._client.licence(item.package)
            claims = _claims_of(jws, self._shop)
        except DeviceRemovedError:
            raise
        except (ShopError, LicenceRefusedError) as error:
            raise _not_fetched(error, papers, item, revoked) from error
        word = self._confirm(papers, claims)
        if word is None and revoked is not None:
            raise LicenceRefusedError(revoked, code="revoked")
        papers.keep_licence(jws)
        return jws, word

    def _open_licence(
        self, jws: str, papers: Papers, manifest: Manifest, action: Action
    ) -> OpenedLicence:
        try:
            _claims, issuer = certified_licence(jws, self._shop)
            return open_licence(
                jws,
                issuer_public=issuer.public,
                identity=self._device.identity.public,
                sealing_key=self._device.sealing,
                package_id=papers.package,
                manifest=manifest,
                now=self._clock(),
                action=action,
            )
        except DrmError as error:
            raise _refusal(error, papers) from error

    def _confirm(self, papers: Papers, claims: LicenceClaims) -> Status | None:
        """Ask the shop whether the licence still stands; None where it signs nothing about it.

        Raises LicenceRefusedError where it signs that the licence does not stand, and keeps that.
        """
        if self._client is None:
            return None
        try:
            word = ask_licence(self._client, papers, claims.licence_id, now=self._clock())
        except ShopError:
            return None
        if word is not None and not word.open:
            raise LicenceRefusedError(word.message or REVOKED, code="revoked")
        return word


def _claims_of(jws: str, shop: Shop) -> LicenceClaims:
    """What a licence says that the shop has just sent. Raises LicenceRefusedError."""
    try:
        return certified_licence(jws, shop)[0]
    except DrmError as error:
        raise LicenceRefusedError(
            "The shop sent a licence that its own keys did not sign, so it was not used. "
            "Try again later, and tell the shop if it stays so.",
            code="bad_signature",
        ) from error


def _not_fetched(
    error: ShopError | LicenceRefusedError, papers: Papers, item: LibraryItem, revoked: str | None
) -> ShopError | LicenceRefusedError:
    """Why there is no licence to open with; the shop's signed word comes before all else."""
    if revoked is not None:
        return LicenceRefusedError(revoked, code="revoked")
    if isinstance(error, ShopRefusedError) and error.status < 500:
        if not item.active:
            return LicenceRefusedError(REVOKED, code="revoked")
        return LicenceRefusedError(str(error), code=error.code)
    if isinstance(error, ShopUnreachableError | NotLoggedInError) and papers.others_licence():
        return _no_licence(papers, item)
    return error


def _no_licence(papers: Papers, item: LibraryItem) -> LicenceRefusedError:
    if papers.others_licence():
        return LicenceRefusedError(
            f"The licence of “{item.title}” on this machine was made for another device. "
            "Connect to the shop once, and it makes one for this device.",
            code="other_device",
        )
    return LicenceRefusedError(
        f"The licence of “{item.title}” is not on this machine yet. "
        "Try again when the shop can be reached.",
        code="no_licence",
    )


def _refusal(error: DrmError, papers: Papers) -> LicenceRefusedError:
    """A drm error as a sentence that says what to do here."""
    remedy = f"Remove the file {papers.licence_file} and try again to get this device's own."
    if isinstance(error, drm.errors.OtherDeviceError):
        text = f"This licence was made for another device, so it opens nothing here. {remedy}"
    elif isinstance(error, drm.errors.OtherContentError):
        text = f"This licence was made for other content. {remedy}"
    elif isinstance(error, drm.errors.KeyMismatchError):
        return changed_bytes()
    elif isinstance(error, AuthenticationError | FormatError):
        code = error.code if not isinstance(error, AuthenticationError) else "bad_signature"
        return LicenceRefusedError(
            f"The licence file is not one that this shop signed, or it was changed. {remedy}",
            code=code,
        )
    else:
        text = error.message
    return LicenceRefusedError(text, code=error.code)


def _check_sizes(item: LibraryItem, manifest: Manifest, content: Path, papers: Papers) -> None:
    """NotCompleteError where a file is missing or short; changed bytes where it is too long."""
    for index, file in enumerate(manifest.files):
        try:
            size = (content / f"{index:05d}").stat().st_size
        except FileNotFoundError as error:
            raise _incomplete(item) from error
        if size < file.size:
            raise _incomplete(item)
        if size > file.size:
            papers.doubt()
            raise changed_bytes()
