"""Opening what is bought after the shop's end: by the unlock document, without any licence.

manifest (signed, hashes to the package id) ─► files on disk ─► activation (genuine) ─►
  unlock document (signed, this device, this content, right) ─► content key ─► last
  segment of each file
"""

from __future__ import annotations

from pathlib import Path

from drm.errors import DrmError
from drm.manifest import open_details
from drm.rights import Action
from drm.unlock import open_unlock
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.errors import LicenceRefusedError, NotCompleteError
from seeder.library import LibraryItem
from seeder.opened import OpenedPackage
from seeder.papers import Papers
from seeder.playback import check_sizes
from seeder.shops import Shop
from seeder.trust import certified_manifest
from seeder.unlocking import Activated, activated

__all__ = ["UnlockedOpener", "unlocked_opener"]


class UnlockedOpener:
    """Opens packages of a shop that has ended, for one device."""

    def __init__(
        self, shop: Shop, folder: ShopFolder, device: DeviceKeys, ended: Activated
    ) -> None:
        self._shop = shop
        self._folder = folder
        self._device = device
        self._ended = ended

    def names(self, package: str) -> bool:
        """Whether the unlock document is about this package."""
        return any(grant.package_id == package for grant in self._ended.unlock.grants)

    def open(self, item: LibraryItem, *, content: Path, action: Action) -> OpenedPackage:
        """Check everything and return the opened package, as seeder.playback's Opener does.

        Raises LicenceRefusedError with a sentence, NotCompleteError.
        """
        papers = Papers(
            self._folder, item.package, thumbprint=self._device.thumbprint, shop=self._shop
        )
        revoked = papers.revocation()
        if revoked is not None:
            raise LicenceRefusedError(revoked, code="revoked")
        jws = papers.manifest()
        if jws is None:
            raise NotCompleteError(
                f"The list of the files of “{item.title}” is not on this machine. Use a recovery "
                "kit that was made after you bought it."
            )
        manifest = certified_manifest(jws, self._shop, package=item.package)
        check_sizes(item, manifest, content, papers)
        try:
            opened = open_unlock(
                self._ended.unlock,
                package_id=item.package,
                manifest=manifest,
                identity=self._device.identity.public,
                sealing_key=self._device.sealing,
                secret=self._ended.activation.secret,
                action=action,
            )
            entries = open_details(manifest, opened.content_key)
        except DrmError as error:
            raise LicenceRefusedError(error.message, code=error.code) from error
        package = OpenedPackage(
            item=item,
            manifest=manifest,
            entries=entries,
            rights=opened.rights,
            content=content,
            papers=papers,
            online=False,
            _key=opened.content_key,
        )
        for index in range(len(entries)):
            package.open(index).close()  # the last segment says whether the file is whole
        return package


def unlocked_opener(shop: Shop, folder: ShopFolder, device: DeviceKeys) -> UnlockedOpener | None:
    """What opens purchases after the shop's end; None while it has not ended for this device."""
    ended = activated(folder, shop, thumbprint=device.thumbprint)
    return None if ended is None else UnlockedOpener(shop, folder, device, ended)
