"""Closed swarms, as a seeder sees them: its label, its certificates, whom to dial."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from django.http import HttpRequest
from django.utils import timezone
from ninja import Path, Router, Schema
from pydantic import Field

from marketplace.accounts import services as accounts
from marketplace.api.edge import caller
from marketplace.api.schemas import ErrorOut, PackageId
from marketplace.distribution import services as distribution
from marketplace.distribution.types import Attendance

__all__ = ["router"]

_ERRORS = {frozenset({401, 403, 404, 409, 422}): ErrorOut}
_MOST_ITEMS = 1000

_Bytes = Annotated[int, Field(ge=0, lt=2**63)]
# Not below: there others listen who expect no BitTorrent.
_Port = Annotated[int, Field(ge=1024, le=65535)]
Label = Annotated[str, Field(pattern=r"^[A-Za-z0-9]{20}$", description="as the shop gave it")]
_Hash = Annotated[str, Field(pattern=r"^([0-9a-f]{64})?$")]

router = Router()


class LabelOut(Schema):
    label: str
    expires: dt.datetime


class CertificateIn(Schema):
    request: Annotated[str, Field(max_length=4096, description="PKCS #10, PEM, an Ed25519 key")]


class CertificateOut(Schema):
    certificate: str
    expires: dt.datetime


class AttendanceIn(Schema):
    package: PackageId
    left: _Bytes
    event: Literal["", "started", "completed", "stopped"] = ""
    info_hash: _Hash = ""


class AnnounceIn(Schema):
    label: Label
    port: _Port
    items: Annotated[list[AttendanceIn], Field(max_length=_MOST_ITEMS)]


class PeerOut(Schema):
    host: str
    port: int
    label: str


class SwarmOut(Schema):
    package: str
    peers: list[PeerOut]
    gone: list[str]
    seeds: int
    leechers: int


class RefusedOut(Schema):
    package: str
    code: str
    message: str


class AnnounceOut(Schema):
    interval: int
    items: list[SwarmOut]
    refused: list[RefusedOut]


@router.post("/swarm/label", response={200: LabelOut, **_ERRORS})
def label(request: HttpRequest) -> LabelOut:
    """What peers call this device from now on: its BitTorrent peer id."""
    _user, device = caller(request)
    address = accounts.client_address(request)
    issued = distribution.issue_label(device=device, address=address, now=timezone.now())
    return LabelOut(label=issued.label, expires=issued.expires_at)


@router.post("/packages/{package}/certificate", response={200: CertificateOut, **_ERRORS})
def certificate(
    request: HttpRequest, package: Path[PackageId], body: CertificateIn
) -> CertificateOut:
    """A certificate for this device in the closed swarm of a package, good for an hour."""
    user, device = caller(request)
    issued = distribution.certificate_for(
        user=user, device=device, package_id=package, request=body.request, now=timezone.now()
    )
    return CertificateOut(certificate=issued.pem, expires=issued.expires_at)


@router.post("/swarm/announce", response={200: AnnounceOut, **_ERRORS})
def announce(request: HttpRequest, body: AnnounceIn) -> AnnounceOut:
    """Enter, renew or leave closed swarms; whom to dial in each, and whom to cut."""
    user, device = caller(request)
    answer = distribution.announce_device(
        user=user,
        device=device,
        label=body.label,
        port=body.port,
        address=accounts.client_address(request),
        items=[Attendance(**item.model_dump()) for item in body.items],
        now=timezone.now(),
    )
    return AnnounceOut.model_validate(
        {"interval": answer.interval, "items": answer.swarms, "refused": answer.refused},
        from_attributes=True,
    )
