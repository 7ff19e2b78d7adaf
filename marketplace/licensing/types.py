"""What others read of entitlements."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from marketplace.licensing.deliveries import Delivery
from marketplace.licensing.models import Entitlement

__all__ = ["Delivery", "EndName", "Entitlement", "KindName", "LibraryFile", "Purchase", "StateName"]

StateName = Literal[
    "active",
    "given",
    "suspended",
    "revoked",
    "charged_back",
    "lent",
    "transferred",
    "returned",
    "expired",
]
KindName = Literal["purchase", "rental", "subscription", "loan", "gift", "transfer", "present"]
# How the money for it went; "" where it did not.
EndName = Literal["", "refunded", "withdrawn", "payment_failed", "dispute_lost"]


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A file of a package as its buyer sees it; `size` is of the plain file, in bytes."""

    index: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """One entitlement with what a library shows of it. `size` is what a device downloads.

    `newest`: of the versions that it opens; `notes` are the seller's on this version.
    `state` is the holder's: as recorded, or “expired”. `start_by` is None once it has begun.
    """

    entitlement_id: uuid.UUID
    order_id: uuid.UUID | None
    listing_id: uuid.UUID
    title: str
    seller: str
    seller_slug: str
    cover_url: str
    cover_small_url: str
    shade: int
    on_sale: bool
    package_id: str
    version: int
    newest: bool
    notes: str
    active: bool
    state: StateName
    kind: KindName
    rights: Mapping[str, Any]
    start_by: dt.datetime | None
    expires_at: dt.datetime | None
    begun: bool
    plays_left: int | None
    may_save: bool
    size: int
    files: tuple[LibraryFile, ...]
    purchased_at: dt.datetime
    revoked_at: dt.datetime | None
    ended_by: EndName = ""

    @property
    def received(self) -> bool:
        """Whether it came from another person, and not by an order."""
        return self.order_id is None

    @property
    def window_hours(self) -> int:
        """Hours to play from the first play on; 0 where there is no such limit."""
        return int(self.rights.get("play_window", 0)) // 3600
