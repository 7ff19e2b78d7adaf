"""The end of a shop, on this machine: trustees' shares, the activation, and a new computer.

    shares ──combine──► activation file ──activate──► this device's unlock document opens
                              └───────────recover───► a folder for a new computer, from the
                                                      kit and the code on paper

The activation is genuine where its secret fits the commitment in an unlock document that the
shop signed. Everything is checked before the first file is written.
"""

from __future__ import annotations

import json
import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from drm.encoding import from_b64u
from drm.errors import AuthenticationError, DrmError, FormatError
from drm.issuer import find_issuer, follow_roots
from drm.keys import IdentityPublicKey
from drm.manifest import open_details
from drm.recovery import RecoveryKey, root_hint
from drm.shares import combine, read_share
from drm.unlock import Activation, Grant, Unlock, open_unlock, read_activation, write_activation
from seeder.config import Home, ShopFolder, write_json, write_private
from seeder.device import DeviceKeys, KeyChoice, adopt_device
from seeder.errors import NotLoggedInError, RecoveryError, TargetError
from seeder.files import sync_folder, write_new_private
from seeder.kit import Kit, KitPackage
from seeder.library import LibraryFile, LibraryItem, store_library
from seeder.papers import Papers
from seeder.placement import open_store
from seeder.shops import Shop, load_shop
from seeder.unlocking import UnlockPapers

__all__ = [
    "Combined",
    "activate_device",
    "combine_shares",
    "load_activation",
    "read_code",
    "recover",
    "require_genuine",
]

SHARE = "geobuk-trustee-share"
LARGEST_SHARE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Combined:
    """An activation that trustees have made, and whose it is."""

    shop: str
    site: str
    root: str  # thumbprint of the shop's root key, for people to compare
    shares: int


@dataclass(frozen=True, slots=True)
class _ShareFile:
    shop: str
    site: str
    root: IdentityPublicKey
    signer: IdentityPublicKey
    jws: str


def combine_shares(paths: Sequence[Path], *, out: Path, home: Home) -> Combined:
    """Make the activation file `out` of enough trustees' files.

    Raises RecoveryError, drm's errors or TargetError with what is wrong; then nothing is
    written.
    """
    files = [_read_share_file(path) for path in paths]
    if not files:
        raise RecoveryError("No share was given. Give the files of the trustees.")
    first = files[0]
    for path, file in zip(paths, files, strict=True):
        if file.root != first.root:
            raise RecoveryError(f"{path} is a share of another shop ({file.shop}).")
        if file.signer != first.signer:
            raise RecoveryError(
                f"{path} is of another set than {paths[0]}. Shares that were made at different "
                "times do not go together."
            )
    _require_pinned(home, first)
    secret = combine([file.jws for file in files], signer_public=first.signer, commitment=None)
    data = write_activation(secret, shop=first.shop, root_public=first.root)
    try:
        write_new_private(out, data)
    except FileExistsError as error:
        raise TargetError(f"{out} is there already. Choose another name.") from error
    return Combined(first.shop, first.site, first.root.thumbprint, len(files))


def load_activation(path: Path) -> Activation:
    """Read an activation file. Raises RecoveryError, drm's errors."""
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise RecoveryError(f"There is no file {path}. Name the activation file.") from error
    return read_activation(data)


def require_genuine(activation: Activation, unlock: Unlock, shop: Shop) -> None:
    """Raises RecoveryError unless the activation is that of the shop that signed `unlock`."""
    try:
        unlock.require_genuine(activation.secret)
    except AuthenticationError as error:
        if activation.root_public != shop.root_public:
            raise RecoveryError(
                f"This is the activation of another shop ({activation.shop}), not of "
                f"{shop.name}. Get the file of {shop.name}."
            ) from error
        raise RecoveryError(
            f"This activation is not the one that {shop.name} committed to, so it opens "
            "nothing. Get the activation file again, from another place."
        ) from error


def activate_device(
    activation: Activation, activation_file: Path, *, folder: ShopFolder, shop: Shop
) -> Unlock:
    """Let what this device bought of the shop open without it, from now on.

    Raises RecoveryError where no unlock document is here, or the activation is not its own.
    """
    papers = UnlockPapers(folder)
    unlock = papers.device(shop)
    if unlock is None:
        raise RecoveryError(
            "This device holds no unlock document of the shop: they come with geobuk sync while "
            "the shop lives. What has its licence here still plays. For the rest, use your "
            "recovery kit: geobuk recover KIT --activation FILE"
        )
    require_genuine(activation, unlock, shop)
    write_private(papers.activation_file, activation_file.read_bytes())
    return unlock


def read_code(text: str, kit: Kit) -> RecoveryKey:
    """The key that a typed code spells, where it is the kit's.

    Raises drm's FormatError naming the group that cannot be right, RecoveryError for a code
    of another shop, or an older or newer paper.
    """
    key, hint = RecoveryKey.from_code(text)
    if hint not in {root_hint(root) for root in _roots(kit.shop)}:
        raise RecoveryError("This is the recovery key of another shop than the kit's.")
    if key.identity.public.thumbprint != kit.unlock.recipient:
        raise RecoveryError(
            "This recovery key is another one than the kit was made for. Use the newest paper "
            "with the newest kit."
        )
    return key


def recover(  # noqa: PLR0913 - the parts lie in different places, and that is the point
    kit: Kit,
    activation: Activation,
    activation_file: Path,
    key: RecoveryKey,
    *,
    home: Home,
    name: str,
    now: datetime,
    choice: KeyChoice | None = None,
) -> ShopFolder:
    """Make the folder of a shop that has ended, on a computer that never knew it.

    In it, library, download, play and save work from the unlock document. Raises
    RecoveryError where the shop is known here already, or the activation is not the kit's;
    then nothing is left behind.
    """
    folder = home.shop(kit.shop.site)
    if folder.path.exists():
        raise RecoveryError(
            f"This computer knows {kit.shop.site} already. On a device that was logged in: "
            "geobuk activate FILE"
        )
    require_genuine(activation, kit.unlock, kit.shop)
    suite = str(kit.unlock.claims["wrapped_keys"].get("suite"))
    device = DeviceKeys(name=name, identity=key.identity, sealing=key.sealing(suite))
    items = [
        _item(grant, kit.packages[grant.package_id], _opened(kit, device, activation))
        for grant in kit.unlock.grants
    ]
    draft = ShopFolder(folder.path.with_name(f".recovering-{secrets.token_hex(4)}"))
    try:
        draft.path.mkdir(parents=True, mode=0o700)
        _fill(draft, kit, items, thumbprint=device.thumbprint, now=now)
        write_private(UnlockPapers(draft).activation_file, activation_file.read_bytes())
        adopt_device(draft, device, choice=choice)
        draft.path.rename(folder.path)
        sync_folder(folder.path.parent)
    except BaseException:
        shutil.rmtree(draft.path, ignore_errors=True)
        raise
    home.choose(kit.shop.site)
    return folder


_Details = Callable[[Grant, KitPackage], tuple[LibraryFile, ...]]


def _opened(kit: Kit, device: DeviceKeys, activation: Activation) -> _Details:
    """What reads the encrypted names of a package: it opens, so all is right with it."""

    def details(grant: Grant, package: KitPackage) -> tuple[LibraryFile, ...]:
        opened = open_unlock(
            kit.unlock,
            package_id=grant.package_id,
            manifest=package.manifest,
            identity=device.identity.public,
            sealing_key=device.sealing,
            secret=activation.secret,
            action="play",
        )
        entries = open_details(package.manifest, opened.content_key)
        return tuple(LibraryFile(e.index, e.name, e.media_type, e.size) for e in entries)

    return details


def _item(grant: Grant, package: KitPackage, details: _Details) -> LibraryItem:
    return LibraryItem(
        entitlement="",
        listing="",
        title=grant.title,
        seller="",
        cover_url="",
        package=grant.package_id,
        version=grant.version,
        state="active",
        may_save=grant.rights.save,
        size=package.manifest.size,
        files=details(grant, package),
        purchased_at="",
        rights=grant.rights.to_claims(),
    )


def _fill(
    folder: ShopFolder, kit: Kit, items: Sequence[LibraryItem], *, thumbprint: str, now: datetime
) -> None:
    write_json(folder.shop_file, asdict(kit.shop))
    write_private(UnlockPapers(folder).device_file, kit.unlock_jws)
    store_library(folder, items, now=now)
    store = open_store(folder)
    for package_id, package in kit.packages.items():
        papers = Papers(folder, package_id, thumbprint=thumbprint, shop=kit.shop)
        papers.keep_manifest(package.manifest_jws)
        store.keep_open_torrent(package_id, package.torrent)


def _roots(shop: Shop) -> list[IdentityPublicKey]:
    """The shop's root, and those that it followed: a paper may be older than a new root."""
    roots = [shop.root_public]
    for change in shop.root_changes:
        try:
            claims = json.loads(from_b64u(change.split(".")[1]))
            old = IdentityPublicKey.from_jwk(claims["old"])
            # What it says counts where the roots themselves have signed it.
            if follow_roots(shop.root_changes, pinned=old) == shop.root_public:
                roots.append(old)
        except (DrmError, ValueError, KeyError, IndexError):
            continue
    return roots


def _read_share_file(path: Path) -> _ShareFile:
    try:
        with path.open("rb") as file:
            document: Any = json.loads(file.read(LARGEST_SHARE))
        if document["kind"] != SHARE:
            raise _no_share(path)
        root = IdentityPublicKey(from_b64u(document["root_key"]))
        jws, issuers = str(document["share"]), [str(c) for c in document["issuers"]]
        issuer = find_issuer(jws, issuers, root_public=root)
        share = read_share(jws, signer_public=issuer.public)
        issuer.require_issued_within(share.issued_at)
        return _ShareFile(str(document["shop"]), str(document["site"]), root, issuer.public, jws)
    except FileNotFoundError as error:
        raise RecoveryError(f"There is no file {path}. Name the trustees' files.") from error
    except AuthenticationError as error:
        raise RecoveryError(
            f"{path} was not signed by the shop that it names, or was changed. "
            "Ask the trustee for the file again."
        ) from error
    except (FormatError, ValueError, KeyError, TypeError) as error:
        raise _no_share(path) from error


def _no_share(path: Path) -> RecoveryError:
    return RecoveryError(f"{path} is not a trustee's share of a Geobuk shop.")


def _require_pinned(home: Home, file: _ShareFile) -> None:
    """Where this computer knows the shop, the shares have to be of its pinned root."""
    try:
        shop = load_shop(home.shop(file.site))
    except NotLoggedInError:
        return
    if file.root not in _roots(shop):
        raise RecoveryError(
            f"These shares name another root key than {shop.name}, which this computer knows, "
            "so they are not that shop's."
        )
