"""What a device keeps for the end of its shop: its unlock document, and the recovery key's.

They come with the library while the shop lives, and lie in the shop's folder:

    unlock/device.jws     for this device
    unlock/recovery.jws   for the recovery key on paper, to go into a kit
    unlock/asked.json     when they were last asked for, and for which purchases
    activation.json       the published activation, once it was found genuine
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from drm.errors import DrmError
from drm.unlock import Activation, Unlock, read_activation
from seeder.client import ShopClient
from seeder.config import ShopFolder, read_json, write_json, write_private
from seeder.errors import (
    RecoveryError,
    ShopAnswerError,
    ShopRefusedError,
    ShopUnreachableError,
)
from seeder.library import LibraryItem
from seeder.shops import Shop
from seeder.trust import certified_unlock

__all__ = ["Activated", "UnlockPapers", "activated", "fetch_unlock", "keep_unlock_fresh"]

ASK_AGAIN = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Activated:
    """A shop that has ended for this device: its genuine activation, and what it unlocks."""

    activation: Activation
    unlock: Unlock


class UnlockPapers:
    """The files for the end of one shop."""

    def __init__(self, folder: ShopFolder) -> None:
        self.device_file = folder.path / "unlock" / "device.jws"
        self.recovery_file = folder.path / "unlock" / "recovery.jws"
        self.asked_file = folder.path / "unlock" / "asked.json"
        self.activation_file = folder.path / "activation.json"

    def device(self, shop: Shop) -> Unlock | None:
        """This device's unlock document; None where there is none that the shop signed."""
        return _read(self.device_file, shop)

    def recovery(self, shop: Shop) -> Unlock | None:
        """The recovery key's, as it was last fetched."""
        return _read(self.recovery_file, shop)


def activated(folder: ShopFolder, shop: Shop, *, thumbprint: str) -> Activated | None:
    """What the activation that is kept here opens for this device; None before the shop's end."""
    papers = UnlockPapers(folder)
    try:
        activation = read_activation(papers.activation_file.read_bytes())
    except (OSError, DrmError):
        return None
    unlock = papers.device(shop)
    if unlock is None or unlock.recipient != thumbprint:
        return None
    try:
        unlock.require_genuine(activation.secret)
    except DrmError:
        return None
    return Activated(activation, unlock)


def fetch_unlock(client: ShopClient, folder: ShopFolder, *, thumbprint: str) -> Unlock:
    """Fetch and keep the unlock documents of this device and of the recovery key.

    Raises ShopError, RecoveryError where the shop's answer holds none that it signed.
    """
    answer = client.ask("GET", "/unlock")
    papers, found = UnlockPapers(folder), None
    entries = answer.get("documents")
    for entry in entries if isinstance(entries, list) else ():
        jws = entry.get("unlock") if isinstance(entry, dict) else None
        if not isinstance(jws, str):
            continue
        try:
            unlock = certified_unlock(jws, client.shop)
        except DrmError:
            continue
        if unlock.recipient == thumbprint:
            found = unlock
            _keep(papers.device_file, jws, unlock, client.shop)
        else:
            _keep(papers.recovery_file, jws, unlock, client.shop)
    if found is None:
        raise RecoveryError(
            "The shop gave no unlock document for this device that its keys signed. "
            "Try again later, and tell the shop if it stays so."
        )
    return found


def keep_unlock_fresh(
    client: ShopClient,
    folder: ShopFolder,
    items: Sequence[LibraryItem],
    *,
    thumbprint: str,
    now: datetime,
) -> None:
    """Fetch the documents where the purchases changed since, or half a day has passed.

    A shop that has none, or cannot give them now, stops nothing.
    """
    asked_file = UnlockPapers(folder).asked_file
    owned = sorted(f"{item.package} {item.state}" for item in items)
    about = hashlib.sha256("\n".join(owned).encode()).hexdigest()
    asked = read_json(asked_file) or {}
    if asked.get("about") == about and _is_recent(asked.get("at"), now):
        return
    try:
        fetch_unlock(client, folder, thumbprint=thumbprint)
    except (ShopRefusedError, ShopAnswerError, ShopUnreachableError, RecoveryError):
        return
    write_json(asked_file, {"about": about, "at": now.isoformat()})


def _is_recent(at: object, now: datetime) -> bool:
    try:
        return timedelta(0) <= now - datetime.fromisoformat(str(at)) < ASK_AGAIN
    except (TypeError, ValueError):
        return False


def _keep(path: Path, jws: str, unlock: Unlock, shop: Shop) -> None:
    """Keep a document, unless a newer one is here: an old answer must not bring back less."""
    held = _read(path, shop)
    newer = held is None or held.recipient != unlock.recipient
    if newer or (held is not None and unlock.issued_at >= held.issued_at):
        write_private(path, jws.encode())


def _read(path: Path, shop: Shop) -> Unlock | None:
    try:
        return certified_unlock(path.read_bytes(), shop)
    except (OSError, DrmError):
        return None
