"""What goes over the wire (docs/protocol-v1.md)."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Annotated, Any, Literal

from ninja import Schema
from pydantic import Field

from marketplace.licensing.types import KindName

__all__ = [
    "DeviceOut",
    "DevicesOut",
    "ErrorOut",
    "FileOut",
    "HandoverOut",
    "HandoversOut",
    "ItemOut",
    "LeaseIn",
    "LeaseOut",
    "LibraryOut",
    "LicenceOut",
    "ListedDeviceOut",
    "MeOut",
    "Nonce",
    "PackageId",
    "ProgressIn",
    "ProgressItemIn",
    "ProgressOut",
    "StatusOut",
    "SurrenderIn",
    "SurrenderOut",
    "UserOut",
    "WireState",
]

PackageId = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256, hexadecimal")]
Nonce = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{16,128}$", description="new for each call")]
WireState = Literal["active", "revoked", "lent", "transferred", "returned", "expired"]
_Bytes = Annotated[int, Field(ge=0, lt=2**63)]


class ErrorOut(Schema):
    code: str
    message: str


class UserOut(Schema):
    email: str
    name: str


class DeviceOut(Schema):
    id: uuid.UUID
    name: str
    thumbprint: str


class ListedDeviceOut(DeviceOut):
    registered_at: dt.datetime
    last_seen_at: dt.datetime | None
    current: bool
    copies_suspected: bool


class DevicesOut(Schema):
    devices: list[ListedDeviceOut]
    limit: int
    new_keys_left: int


class MeOut(Schema):
    user: UserOut
    device: DeviceOut


class FileOut(Schema):
    index: int
    name: str
    media_type: str
    size: int


class ItemOut(Schema):
    entitlement: uuid.UUID
    listing: uuid.UUID
    title: str
    seller: str
    cover_url: str
    package: str
    version: int
    state: WireState
    suspended: bool
    kind: KindName
    rights: dict[str, Any]
    expires: dt.datetime | None
    may_save: bool
    size: int
    files: list[FileOut]
    purchased_at: dt.datetime


class LibraryOut(Schema):
    items: list[ItemOut]


class LicenceOut(Schema):
    id: uuid.UUID
    licence: str


class LeaseIn(Schema):
    """`counter` of the lease that is held, and the `plays` begun under it."""

    nonce: Nonce
    counter: Annotated[int, Field(ge=0, lt=2**48)]
    first_play: Annotated[int, Field(ge=0, lt=2**37)] | None = None  # seconds since 1970
    plays: Annotated[int, Field(ge=0, le=10_000)] = 0


class LeaseOut(Schema):
    lease: str


class StatusOut(Schema):
    status: str


class HandoverOut(Schema):
    id: uuid.UUID
    kind: str
    package: str
    licence: uuid.UUID
    request: str


class HandoversOut(Schema):
    handovers: list[HandoverOut]


class SurrenderIn(Schema):
    surrender: Annotated[str, Field(max_length=4096)]


class SurrenderOut(Schema):
    state: str


class ProgressItemIn(Schema):
    package: PackageId
    state: Literal["downloading", "seeding", "checking", "paused", "error"]
    done: _Bytes
    total: _Bytes
    down_rate: _Bytes = 0
    up_rate: _Bytes = 0
    uploaded: _Bytes = 0
    peers: Annotated[int, Field(ge=0, lt=2**31)] = 0


class ProgressIn(Schema):
    items: Annotated[list[ProgressItemIn], Field(max_length=10_000)]


class ProgressOut(Schema):
    kept: int
