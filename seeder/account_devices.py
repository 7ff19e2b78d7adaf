"""The devices of an account, as the shop lists them (docs/protocol-v1.md, 4.10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seeder.errors import AmbiguousItemError, ItemNotFoundError, ShopAnswerError

__all__ = ["AccountDevice", "AccountDevices", "find_device", "parse_devices"]

SHORTEST_START = 4  # characters of an id that may stand for it


@dataclass(frozen=True, slots=True)
class AccountDevice:
    """One machine; `current` where it is this one, `last_seen_at` "" where never."""

    id: str
    name: str
    thumbprint: str
    registered_at: str
    last_seen_at: str
    current: bool


@dataclass(frozen=True, slots=True)
class AccountDevices:
    """The active devices, how many there may be, and how many new keys are left."""

    devices: tuple[AccountDevice, ...]
    limit: int
    new_keys_left: int


def parse_devices(answer: Mapping[str, Any]) -> AccountDevices:
    """Read the answer to GET /devices. Raises ShopAnswerError."""
    try:
        devices = tuple(
            AccountDevice(
                id=str(device["id"]),
                name=str(device["name"]),
                thumbprint=str(device["thumbprint"]),
                registered_at=str(device["registered_at"]),
                last_seen_at=str(device.get("last_seen_at") or ""),
                current=device["current"] is True,
            )
            for device in answer["devices"]
        )
        return AccountDevices(devices, int(answer["limit"]), int(answer["new_keys_left"]))
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ShopAnswerError(
            "The shop's list of your devices cannot be read. Try again later."
        ) from error


def find_device(devices: Sequence[AccountDevice], wanted: str) -> AccountDevice:
    """The device of this name, in any case, or whose id starts so. A whole id comes first.

    Raises ItemNotFoundError, and AmbiguousItemError with the ids to choose from.
    """
    plain = wanted.strip().casefold()
    for device in devices:
        if device.id == plain:
            return device
    found = [d for d in devices if d.name.casefold() == plain]
    if not found and len(plain) >= SHORTEST_START:
        found = [d for d in devices if d.id.startswith(plain)]
    if not found:
        raise ItemNotFoundError(
            f"No device of yours is called “{wanted}”. To see them, run: geobuk devices"
        )
    if len(found) > 1:
        ids = ", ".join(d.id for d in found)
        raise AmbiguousItemError(f"Several devices fit “{wanted}”. Name one by its id: {ids}")
    return found[0]
