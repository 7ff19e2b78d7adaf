"""This machine's keys: made here, at random, and never sent anywhere.

The identity key (Ed25519) signs every call; the sealing key (HPKE) opens the
licences that a shop makes for this device. One pair for each shop, so two
shops cannot compare their buyers.
"""

from __future__ import annotations

import platform
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from drm.encoding import b64u, from_b64u
from drm.errors import DrmError, UnsupportedError
from drm.keys import SUITES, IdentityKey, SealingKey, sign_sealing_key
from seeder.config import ShopFolder, read_json, write_json
from seeder.errors import DamagedFileError, NotLoggedInError

__all__ = [
    "DeviceKeys",
    "default_name",
    "forget_login",
    "load_device",
    "make_device",
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


def default_name() -> str:
    """What the machine calls itself."""
    return (platform.node() or "my computer")[:MAX_NAME]


def make_device(folder: ShopFolder, *, name: str, suite: str = SUITES[0]) -> DeviceKeys:
    """Return this device's keys at a shop, made now where there are none that can be read.

    Keys that are there stay, whatever their suite: perpetual licences open with them
    alone. A damaged file is set aside, not overwritten. Raises UnsupportedError for a
    sealing suite that this program does not know.
    """
    try:
        found = load_device(folder)
    except DamagedFileError:
        retire_device(folder)
    except NotLoggedInError:
        pass
    else:
        device = DeviceKeys(name=name, identity=found.identity, sealing=found.sealing)
        _store(folder, device)
        return device
    device = DeviceKeys(
        name=name, identity=IdentityKey.generate(), sealing=SealingKey.generate(suite)
    )
    _store(folder, device)
    return device


def _store(folder: ShopFolder, device: DeviceKeys) -> None:
    write_json(
        folder.device_file,
        {
            "name": device.name,
            "identity": b64u(device.identity.to_bytes()),
            "sealing": b64u(device.sealing.to_bytes()),
            "suite": device.sealing.suite,
        },
    )


def load_device(folder: ShopFolder) -> DeviceKeys:
    """Read this device's keys; NotLoggedInError where there are none."""
    if not folder.device_file.exists():
        raise NotLoggedInError("This machine is not logged in to the shop. Run: geobuk login URL")
    record = read_json(folder.device_file) or {}
    try:
        return DeviceKeys(
            name=str(record["name"]),
            identity=IdentityKey.from_bytes(from_b64u(record["identity"])),
            # Files written before there was a choice name no suite.
            sealing=SealingKey.from_bytes(
                from_b64u(record["sealing"]), str(record.get("suite", SUITES[0]))
            ),
        )
    except UnsupportedError:
        # Made by a newer program: whole, and not to be set aside as damaged.
        raise
    except (KeyError, DrmError) as error:
        raise DamagedFileError(
            f"The file with this device's keys is damaged ({folder.device_file}). "
            "Put a backup of it back, or run geobuk login again to make new keys."
        ) from error


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
