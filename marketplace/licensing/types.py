"""What others read of entitlements."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

__all__ = ["LibraryFile", "Purchase"]


@dataclass(frozen=True, slots=True)
class LibraryFile:
    """A file of a package as its buyer sees it; `size` is of the plain file, in bytes."""

    index: int
    name: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Purchase:
    """One entitlement with what a library shows of it. `size` is what a device downloads."""

    entitlement_id: uuid.UUID
    order_id: uuid.UUID
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
    active: bool
    may_save: bool
    size: int
    files: tuple[LibraryFile, ...]
    purchased_at: dt.datetime
    revoked_at: dt.datetime | None
