"""This machine's keys: made here, at random, and never sent anywhere.

The identity key (Ed25519) signs every call; the sealing key (HPKE) opens the
licences that a shop makes for this device. One pair for each shop, so two
shops cannot compare their buyers. Where they lie is said by device.json
(seeder.key_store); keys.lock keeps two writers of it apart.
"""

from __future__ import annotations

import json
import os
import platform
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from drm.encoding import b64u, from_b64u
from drm.errors import DrmError, UnsupportedError
from drm.keys import SUITES, IdentityKey, SealingKey, sign_sealing_key
from seeder.config import ShopFolder, exclusive, read_json, write_json
from seeder.errors import DamagedFileError, KeysLostError, KeyStoreError, NotLoggedInError
from seeder.files import sync_folder
from seeder.key_store import KeyStore, KeyStores, Secret

__all__ = [
    "DeviceKeys",
    "KeyChoice",
    "KeyPlace",
    "adopt_device",
    "default_name",
    "forget_login",
    "key_place",
    "load_device",
    "make_device",
    "move_keys",
    "retire_device",
]

MAX_NAME = 80


@dataclass(frozen=True, slots=True)
class DeviceKeys:
    """The private keys of this device at one shop, and the name people know it by."""

    name: str
    identity: IdentityKey = field(repr=False)
    sealing: SealingKey = field(repr=False)

    @property
    def thumbprint(self) -> str:
        """RFC 7638 thumbprint of the identity key: what the approval page shows."""
        return self.identity.public.thumbprint

    def registration(self) -> dict[str, str]:
        """The form fields that register this device and prove that it owns both keys."""
        public = self.sealing.public
        return {
            "device_name": self.name,
            "sealing_key": b64u(public.to_bytes()),
            "sealing_suite": public.suite,
            "sealing_key_signature": b64u(sign_sealing_key(self.identity, public)),
        }


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """Where new keys are to lie.

    `auto` is the system's key store where there is one, else a file; `protect` then says
    whether that is to be under a passphrase. `fresh` sets keys that are there aside.
    """

    place: str = "file"
    fresh: bool = False
    stores: KeyStores = field(default_factory=KeyStores)
    protect: Callable[[], bool] = lambda: False


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """What device.json says of the keys; read without opening them."""

    place: str
    file: Path
    name: str
    thumbprint: str | None  # files of earlier versions do not name it


def default_name() -> str:
    """What the machine calls itself."""
    return (platform.node() or "my computer")[:MAX_NAME]


def make_device(
    folder: ShopFolder, *, name: str, suite: str = SUITES[0], choice: KeyChoice | None = None
) -> DeviceKeys:
    """Return this device's keys at a shop, made now where there are none that can be read.

    Keys that are there stay, whatever their suite: perpetual licences open with them
    alone. They are moved where `choice` names another place for them. A damaged file is set
    aside, not overwritten; so is the record of keys that the key store has lost. Raises
    UnsupportedError for a sealing suite that this program does not know, KeyStoreError and
    the passphrase errors where keys are there and cannot be read.
    """
    choice = choice or KeyChoice()
    if choice.fresh:
        retire_device(folder)
    try:
        found = load_device(folder, stores=choice.stores)
    except (DamagedFileError, KeysLostError):
        retire_device(folder)
    except NotLoggedInError:
        pass
    else:
        with exclusive(_lock(folder)):
            write_json(folder.device_file, _record(folder) | {"name": name})
        if choice.place not in {"auto", key_place(folder).place}:
            move_keys(folder, to=choice.place, stores=choice.stores)
        return DeviceKeys(name=name, identity=found.identity, sealing=found.sealing)
    device = DeviceKeys(
        name=name, identity=IdentityKey.generate(), sealing=SealingKey.generate(suite)
    )
    with exclusive(_lock(folder)):
        write_json(folder.device_file, _put_new(device, choice))
    return device


def adopt_device(
    folder: ShopFolder, device: DeviceKeys, *, choice: KeyChoice | None = None
) -> None:
    """Keep keys that were made elsewhere, as those of a recovery key, in a folder without any."""
    with exclusive(_lock(folder)):
        write_json(folder.device_file, _put_new(device, choice or KeyChoice()))


def load_device(folder: ShopFolder, *, stores: KeyStores | None = None) -> DeviceKeys:
    """Read this device's keys.

    Raises NotLoggedInError where there are none, KeysLostError where the key store lost
    them, and KeyStoreError or a passphrase error where they cannot be read just now.
    """
    if not folder.device_file.exists():
        raise NotLoggedInError("This machine is not logged in to the shop. Run: geobuk login URL")
    _close_to_others(folder.device_file)
    return _open(_record(folder), folder.device_file, stores or KeyStores())


def key_place(folder: ShopFolder) -> KeyPlace:
    """Say where this device's keys lie. Raises NotLoggedInError where there are none."""
    if not folder.device_file.exists():
        raise NotLoggedInError("This machine is not logged in to the shop. Run: geobuk login URL")
    record = _record(folder)
    told = record.get("thumbprint")
    return KeyPlace(
        place=_place(record),
        file=folder.device_file,
        name=str(record.get("name", "")),
        thumbprint=told if isinstance(told, str) else None,
    )


def move_keys(folder: ShopFolder, *, to: str, stores: KeyStores | None = None) -> bool:
    """Move this device's keys to a place of `seeder.key_store.PLACES`.

    They are read back from the new place before the old one loses them; killed at any
    moment, at least one whole copy is where device.json says. To move to where they are
    seals them anew: under a new passphrase, and without what a killed move left elsewhere.
    Returns whether the system's key store could be cleared of a copy. Raises as
    `load_device`.
    """
    stores = stores or KeyStores()
    with exclusive(_lock(folder)):
        candidate = folder.path / "device.next.json"
        candidate.unlink(missing_ok=True)  # left by a move that was killed
        before = _record(folder)
        device = _open(before, folder.device_file, stores)
        target = stores.at(to)
        write_json(candidate, _sealed(device, target))
        if _opened(read_json(candidate) or {}, candidate, target) != device:
            candidate.unlink()
            raise KeyStoreError("The keys cannot be read back from there. Nothing was moved.")
        candidate.replace(folder.device_file)
        if os.name != "nt":
            sync_folder(folder.path)
        if to == "system":
            return True
        return _clear_system(device, stores, needed=_place(before) == "system")


def retire_device(folder: ShopFolder) -> Path | None:
    """Take the keys out of use, keeping the file: a mistaken removal can be undone by hand."""
    if not folder.device_file.exists():
        return None
    aside = folder.path / f"device.retired-{secrets.token_hex(4)}.json"
    folder.device_file.replace(aside)
    return aside


def forget_login(folder: ShopFolder) -> None:
    """End the login here: no tokens, and keys that open nothing any more."""
    folder.tokens_file.unlink(missing_ok=True)
    retire_device(folder)


def _lock(folder: ShopFolder) -> Path:
    return folder.path / "keys.lock"


def _record(folder: ShopFolder) -> dict[str, Any]:
    return read_json(folder.device_file) or {}


def _place(record: Mapping[str, Any]) -> str:
    return str(record.get("keys", "file"))  # files of earlier versions hold the keys


def _put_new(device: DeviceKeys, choice: KeyChoice) -> dict[str, Any]:
    if choice.place != "auto":
        return _sealed(device, choice.stores.at(choice.place))
    try:
        return _sealed(device, choice.stores.at("system"))
    except KeyStoreError:
        place = "passphrase" if choice.protect() else "file"
        return _sealed(device, choice.stores.at(place))


def _sealed(device: DeviceKeys, store: KeyStore) -> dict[str, Any]:
    secret = {
        "identity": b64u(device.identity.to_bytes()),
        "sealing": b64u(device.sealing.to_bytes()),
        "suite": device.sealing.suite,
    }
    head = {"name": device.name, "thumbprint": device.thumbprint, "keys": store.place}
    return head | store.put(secret, thumbprint=device.thumbprint)


def _open(record: Mapping[str, Any], file: Path, stores: KeyStores) -> DeviceKeys:
    return _opened(record, file, stores.at(_place(record)))


def _opened(record: Mapping[str, Any], file: Path, store: KeyStore) -> DeviceKeys:
    try:
        device = _device(str(record["name"]), store.get(record))
        whole = record.get("thumbprint", device.thumbprint) == device.thumbprint
    except UnsupportedError:
        # Made by a newer program: whole, and not to be set aside as damaged.
        raise
    except (KeyError, DrmError, json.JSONDecodeError) as error:
        raise _damaged(file) from error
    if not whole:
        raise _damaged(file)
    return device


def _damaged(file: Path) -> DamagedFileError:
    return DamagedFileError(
        f"The file with this device's keys is damaged ({file}). "
        "Put a backup of it back, or run geobuk login again to make new keys."
    )


def _device(name: str, secret: Secret) -> DeviceKeys:
    return DeviceKeys(
        name=name,
        identity=IdentityKey.from_bytes(from_b64u(secret["identity"])),
        # Files written before there was a choice name no suite.
        sealing=SealingKey.from_bytes(from_b64u(secret["sealing"]), secret.get("suite", SUITES[0])),
    )


def _clear_system(device: DeviceKeys, stores: KeyStores, *, needed: bool) -> bool:
    """Remove the copy in the system's key store, if there is one and it can be reached."""
    try:
        stores.at("system").remove(device.thumbprint)
    except KeyStoreError:
        return not needed
    return True


def _close_to_others(file: Path) -> None:
    """A copy that a backup put back may be open to all."""
    if os.name != "nt" and file.stat().st_mode & 0o077:
        file.chmod(0o600)
