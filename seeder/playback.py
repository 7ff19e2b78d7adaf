"""Opening what is bought: every check, in order, before the first byte.

    manifest (signed, hashes to the package id) ─► files on disk ─► last signed word
      ─► licence (signed, this device, this content, in time, right) ─► status, if the
      shop answers ─► lease, where the licence needs one ─► content key ─► last segment of
      each file ─► at the first byte of what ends: the record of the play (seeder.permit)

A perpetual licence opens without the shop. What the shop signs outranks the licence and
is kept, so going offline afterwards opens nothing; what it does not sign changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import drm.errors
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.licence import LicenceClaims, OpenedLicence, open_licence
from drm.manifest import Manifest, open_details
from drm.rights import Action
from drm.status import Status
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.errors import (
    DeviceRemovedError,
    LicenceRefusedError,
    NotLoggedInError,
    ShopError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.leases import HeldLicence, Leases
from seeder.library import LibraryItem
from seeder.opened import OpenedPackage, changed_bytes, incomplete
from seeder.papers import REVOKED, Papers, why_gone
from seeder.permit import Permit
from seeder.shops import Shop
from seeder.standing import ask_licence
from seeder.stored import believe_held, believe_new, mark_stored
from seeder.trust import certified_licence, certified_manifest

__all__ = ["OpenedPackage", "Opener", "check_sizes"]

# Refusals that the shop may cure: with a lease, or with the licence of the next rental.
GO_ONLINE = frozenset({"lease_missing", "lease_expired", "clock_set_back", "state_missing"})
ENDED = frozenset({"expired", "window_over", "plays_used_up"})


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
        self._pinned = shop
        self._folder = folder
        self._device = device
        self._client = client
        self._clock = clock
        self._leases = Leases(shop, folder, device, clock=clock)

    @property
    def _shop(self) -> Shop:
        """The shop as it is known now: a client that runs for months reads it anew."""
        return self._pinned if self._client is None else self._client.shop

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
        check_sizes(item, manifest, content, papers)
        jws, word = self._licence(papers, item, manifest, action)
        opened = self._open_with_lease(jws, papers, manifest, action, word)
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
            permit=self._permit(jws, opened) if action == "play" else None,
        )
        for index in range(len(entries)):
            package.open(index).close()  # the last segment says whether the file is whole
        return package

    def prepare(self, item: LibraryItem) -> None:
        """Fetch manifest, licence and lease now, so that the package opens offline later."""
        papers = self.papers(item.package)
        self.manifest(item.package)
        if not papers.stands():
            jws, _word = self._fetch_licence(papers, item)
            self._leases.refresh(self._client, HeldLicence(_claims_of(jws, self._shop), jws))

    def fetch_anew(self, item: LibraryItem) -> None:
        """Get the licence again, as after the shop said that its terms changed, and its word.

        Raises LicenceRefusedError or ShopError, and then what is held stays, unless the shop
        signed that it has ended.
        """
        self._fetch_licence(self.papers(item.package), item)

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
            claims = believe_held(
                held, papers, self._shop, identity=self._device.identity, now=self._clock()
            )
        except DrmError as error:
            # A torn file heals where the shop can be asked; it opens nothing either way.
            if self._client is None:
                raise _refusal(error, papers) from error
            return self._fetch_licence(papers, item)
        try:
            # Refuse what is not for us before the shop is asked about it.
            self._open_licence(held, papers, manifest, action)
        except LicenceRefusedError as refusal:
            if self._client is None or refusal.code not in ENDED | GO_ONLINE:
                raise
            if refusal.code in ENDED and not self._leases.cured(self._client, claims, held):
                return self._fetch_again(papers, item, refusal)
        return held, self._confirm(papers, claims)

    def _fetch_again(
        self, papers: Papers, item: LibraryItem, refusal: LicenceRefusedError
    ) -> tuple[str, Status | None]:
        """The licence of the next rental, where what is held has ended and the shop has one."""
        try:
            return self._fetch_licence(papers, item)
        except ShopError as error:
            raise refusal from error

    def _fetch_licence(self, papers: Papers, item: LibraryItem) -> tuple[str, Status | None]:
        """Get the licence from the shop; where its last word was an end, with a new one."""
        revoked = papers.revocation()
        try:
            if self._client is None:
                raise _no_licence(papers, item)
            jws = self._client.licence(item.package)
            claims = _claims_of_new(jws, papers, self._shop, self._client, now=self._clock())
        except DeviceRemovedError:
            raise
        except (ShopError, LicenceRefusedError) as error:
            raise _not_fetched(error, papers, item, revoked) from error
        word = self._confirm(papers, claims)
        if word is None and revoked is not None:
            raise LicenceRefusedError(revoked, code="revoked")
        mark_stored(jws, papers, identity=self._device.identity)
        papers.keep_licence(jws)
        return jws, word

    def _open_with_lease(
        self, jws: str, papers: Papers, manifest: Manifest, action: Action, word: Status | None
    ) -> OpenedLicence:
        """Open the licence, with a new lease where one is due and the shop gives it."""
        held = HeldLicence(_claims_of(jws, self._shop), jws)
        if word is not None and not held.claims.perpetual:
            self._leases.records.believe(word.issued_at)
        failure = self._leases.refresh(self._client, held)
        try:
            return self._open_licence(jws, papers, manifest, action)
        except LicenceRefusedError as refusal:
            if refusal.code in GO_ONLINE and isinstance(
                failure, ShopRefusedError | LicenceRefusedError
            ):
                raise LicenceRefusedError(str(failure), code=failure.code) from refusal
            raise

    def _permit(self, jws: str, opened: OpenedLicence) -> Permit | None:
        if opened.claims.perpetual:
            return None
        held = HeldLicence(opened.claims, jws)
        return Permit(self._leases, held, opened.decision, client=self._client)

    def _open_licence(
        self, jws: str, papers: Papers, manifest: Manifest, action: Action
    ) -> OpenedLicence:
        try:
            claims, issuer = certified_licence(jws, self._shop)
            terms = self._leases.terms(HeldLicence(claims, jws))
            return open_licence(
                jws,
                issuer_public=issuer.public,
                identity=self._device.identity.public,
                sealing_key=self._device.sealing,
                package_id=papers.package,
                manifest=manifest,
                now=terms.now,
                action=action,
                lease=terms.lease,
                usage=terms.usage,
                high_water=terms.high_water,
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
    """What a licence says that was believed before. Raises LicenceRefusedError."""
    try:
        return certified_licence(jws, shop)[0]
    except DrmError as error:
        raise _foreign() from error


def _claims_of_new(
    jws: str, papers: Papers, shop: Shop, client: ShopClient, *, now: datetime
) -> LicenceClaims:
    """What a licence says that the shop has just sent. Raises LicenceRefusedError."""
    try:
        return believe_new(jws, papers, shop, client, now=now)
    except drm.errors.OnlineNeededError as error:
        raise LicenceRefusedError(
            "The shop sent a licence by a key that it has retired, and does not show that it is "
            "old. Check this machine's clock and try again later; then tell the shop.",
            code=error.code,
        ) from error
    except DrmError as error:
        raise _foreign() from error


def _foreign() -> LicenceRefusedError:
    return LicenceRefusedError(
        "The shop sent a licence that its own keys did not sign, so it was not used. "
        "Try again later, and tell the shop if it stays so.",
        code="bad_signature",
    )


def _not_fetched(
    error: ShopError | LicenceRefusedError, papers: Papers, item: LibraryItem, revoked: str | None
) -> ShopError | LicenceRefusedError:
    """Why there is no licence to open with; the shop's signed word comes before all else."""
    if revoked is not None:
        return LicenceRefusedError(revoked, code="revoked")
    if isinstance(error, ShopRefusedError) and error.status < 500:
        if not item.active:
            return LicenceRefusedError(why_gone(item.state), code="revoked")
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


def check_sizes(item: LibraryItem, manifest: Manifest, content: Path, papers: Papers) -> None:
    """NotCompleteError where a file is missing or short; changed bytes where it is too long."""
    for index, file in enumerate(manifest.files):
        try:
            size = (content / f"{index:05d}").stat().st_size
        except FileNotFoundError as error:
            raise incomplete(item) from error
        if size < file.size:
            raise incomplete(item)
        if size > file.size:
            papers.doubt()
            raise changed_bytes()
