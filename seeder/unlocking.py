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
from contextlib import suppress
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


def fetch_unlock(client: ShopClient, folder: ShopFolder, *, thumbprint: str, now: datetime) -> bool:
    """Fetch and keep the unlock documents of this device and of the recovery key.

    Returns whether the shop shows one for a recovery key. Raises ShopError, RecoveryError where the shop's answer holds none that it signed.
    """
    papers, told = UnlockPapers(folder), _told(client, folder, now=now)
    ended = activated(folder, client.shop, thumbprint=thumbprint)
    if ended is not None:
        # What another secret opens would shut again what the activation here has opened.
        told = [one for one in told if one[1].commitment == ended.unlock.commitment]
    found = next((one for one in told if one[1].recipient == thumbprint), None)
    if found is None:
        raise RecoveryError(
            "The shop gave no unlock document for this device that its keys signed. "
            "Try again later, and tell the shop if it stays so."
        )
    _keep(papers.device_file, *found, client.shop)
    recovery = [
        # Whoever answers in the shop's place may show another buyer's, which is genuine too.
        one
        for one in told
        if one[1].recipient != thumbprint and one[1].subject == found[1].subject
    ]
    for jws, unlock in recovery:
        _keep(papers.recovery_file, jws, unlock, client.shop)
    return bool(recovery)


def _told(client: ShopClient, folder: ShopFolder, *, now: datetime) -> list[tuple[str, Unlock]]:
    """What the shop shows, each as it came and as it reads, where its keys signed it."""
    entries = client.ask("GET", "/unlock").get("documents")
    papers = UnlockPapers(folder)
    kept = {_bytes(papers.device_file), _bytes(papers.recovery_file)}
    told = []
    for entry in entries if isinstance(entries, list) else ():
        jws = entry.get("unlock") if isinstance(entry, dict) else None
        if isinstance(jws, str):
            is_kept = jws.encode("utf-8", "replace") in kept
            with suppress(DrmError):
                told.append((jws, certified_unlock(jws, client.shop, now=None if is_kept else now)))
    return told


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
        fetch_unlock(client, folder, thumbprint=thumbprint, now=now)
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
    if held is not None and (held.recipient == unlock.recipient or held.subject == unlock.subject):
        newest = unlock.issued_at >= held.issued_at
    else:
        newest = True
    if newest:
        write_private(path, jws.encode())


def _read(path: Path, shop: Shop) -> Unlock | None:
    data = _bytes(path)
    try:
        return None if data is None else certified_unlock(data, shop, now=None)
    except DrmError:
        return None


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None
