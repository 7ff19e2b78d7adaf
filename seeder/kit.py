"""The recovery kit: a file that opens nothing by itself, to be kept where the paper is not.

    kit.json            kind and version
    shop.json           the shop document as this machine pinned it
    unlock.jws          the unlock document of the recovery key
    manifests/ID.jws    the signed manifest of each package
    torrents/ID.torrent the open variant of its torrent

Nothing in it is believed for being in it: documents are signed by the shop, whose root the
code on paper names, and torrents have to fit the manifests.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from drm.errors import DrmError
from drm.manifest import Manifest
from drm.signed import MAX_DOCUMENT_SIZE
from drm.unlock import Unlock
from seeder.client import ShopClient
from seeder.config import ShopFolder, write_private
from seeder.errors import (
    LicenceRefusedError,
    RecoveryError,
    ShopAnswerError,
    TorrentError,
)
from seeder.playback import Opener
from seeder.shops import Shop, parse_shop
from seeder.store import Store
from seeder.torrents import open_metainfo, read_metainfo
from seeder.trust import certified_manifest, certified_unlock
from seeder.unlocking import UnlockPapers

__all__ = ["Kit", "KitPackage", "read_kit", "write_kit"]

KIND = "geobuk-recovery-kit"
MAX_TORRENT = 256 * 1024 * 1024  # 32 bytes a piece: far more than any package has


@dataclass(frozen=True, slots=True)
class KitPackage:
    """What a kit holds of one package; the torrent is its open variant."""

    manifest_jws: bytes
    manifest: Manifest
    torrent: bytes


@dataclass(frozen=True, slots=True)
class Kit:
    """A kit whose documents were checked against the root of its own shop document."""

    shop: Shop
    unlock_jws: bytes
    unlock: Unlock
    packages: Mapping[str, KitPackage]


def write_kit(
    path: Path,
    *,
    shop: Shop,
    folder: ShopFolder,
    store: Store,
    client: ShopClient | None,
    opener: Opener,
) -> tuple[str, ...]:
    """Write the kit of the account's recovery key; return the titles that it covers.

    What is not on this machine yet is fetched, where `client` reaches the shop. Raises
    RecoveryError where the account has no recovery key, or something is missing.
    """
    papers = UnlockPapers(folder)
    unlock = papers.recovery(shop)
    if unlock is None:
        raise RecoveryError(
            "Your account has no recovery key yet, so a kit would open nothing. "
            "Make the key first, with: geobuk recovery create"
        )
    files = {
        "kit.json": json.dumps({"kind": KIND, "v": 1}).encode(),
        "shop.json": json.dumps(asdict(shop), ensure_ascii=False, indent=1).encode(),
        "unlock.jws": papers.recovery_file.read_bytes(),
    }
    for grant in unlock.grants:
        opener.manifest(grant.package_id)
        manifest = opener.papers(grant.package_id).manifest()
        torrent = _torrent(grant.package_id, store, client)
        if manifest is None or torrent is None:
            raise RecoveryError(
                f"The torrent of “{grant.title}” is not on this machine, and the shop cannot be "
                "reached. Try again when you are connected."
            )
        files[f"manifests/{grant.package_id}.jws"] = manifest
        files[f"torrents/{grant.package_id}.torrent"] = torrent
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    # What it names of a person is what they bought; it is nobody else's business.
    write_private(path.absolute(), packed.getvalue())
    return tuple(grant.title for grant in unlock.grants)


def read_kit(path: Path) -> Kit:
    """Read a kit and check everything in it. Raises RecoveryError with what is wrong."""
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except FileNotFoundError as error:
        raise RecoveryError(f"There is no file {path}. Name your recovery kit.") from error
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, EOFError) as error:
        raise RecoveryError(
            f"{path} is not a whole recovery kit. Use another copy of it."
        ) from error


def _read(archive: zipfile.ZipFile) -> Kit:
    head, document = _object(archive, "kit.json"), _object(archive, "shop.json")
    if head.get("kind") != KIND or head.get("v") != 1:
        raise RecoveryError("This is no recovery kit of this version. Update this program.")
    try:
        shop = parse_shop(document, site=str(document.get("site")))
    except ShopAnswerError as error:
        raise RecoveryError(
            "The shop document in the kit is damaged. Use another copy of the kit."
        ) from error
    jws = _bytes(archive, "unlock.jws", MAX_DOCUMENT_SIZE)
    try:
        unlock = certified_unlock(jws, shop, now=None)
    except DrmError as error:
        raise RecoveryError(
            "The unlock document in the kit is not one that its shop signed. "
            "Use another copy of the kit."
        ) from error
    packages = {
        grant.package_id: _package(archive, grant.package_id, shop) for grant in unlock.grants
    }
    return Kit(shop, jws, unlock, packages)


def _package(archive: zipfile.ZipFile, package: str, shop: Shop) -> KitPackage:
    if len(package) != 64 or not set(package) <= set("0123456789abcdef"):
        raise RecoveryError("The kit names a package that is none. Use another copy of the kit.")
    jws = _bytes(archive, f"manifests/{package}.jws", MAX_DOCUMENT_SIZE)
    torrent = _bytes(archive, f"torrents/{package}.torrent", MAX_TORRENT)
    try:
        manifest = certified_manifest(jws, shop, package=package)
        info = read_metainfo(torrent, private=False)
    except (LicenceRefusedError, TorrentError) as error:
        raise _changed() from error
    signed = [(file.size, file.root) for file in manifest.files]
    if info.name != package or [(file.size, file.root) for file in info.files] != signed:
        raise _changed()
    return KitPackage(jws, manifest, torrent)


def _changed() -> RecoveryError:
    return RecoveryError(
        "A manifest or torrent in the kit is not the one that the shop signed. "
        "Use another copy of the kit."
    )


def _torrent(package: str, store: Store, client: ShopClient | None) -> bytes | None:
    held = store.open_torrent(package)
    if held is not None or client is None:
        return held
    return open_metainfo(client.torrent(package))


def _object(archive: zipfile.ZipFile, name: str) -> dict[str, Any]:
    try:
        value = json.loads(_bytes(archive, name, MAX_DOCUMENT_SIZE))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise RecoveryError("This file is not a recovery kit of Geobuk. Name another one.")
    return value


def _bytes(archive: zipfile.ZipFile, name: str, largest: int) -> bytes:
    try:
        with archive.open(name) as file:
            data = file.read(largest + 1)
    except KeyError as error:
        raise RecoveryError(
            f"The recovery kit lacks {name}. Use another copy of the kit."
        ) from error
    if len(data) > largest:
        raise RecoveryError(f"{name} in the recovery kit is too large. Use another copy of it.")
    return data
