"""The API of a buyer's seeder, version 1 (docs/protocol-v1.md). Each route makes one call."""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from ninja import NinjaAPI, Path, Query, Status

from marketplace.accounts import queries as people
from marketplace.accounts import services as accounts
from marketplace.api.edge import DeviceKeyAuth, SeederAuth, caller, handle_errors
from marketplace.api.handovers import router as handovers
from marketplace.api.log import router as audit_log
from marketplace.api.receipts import router as receipts
from marketplace.api.recovery import router as recovery
from marketplace.api.schemas import (
    DeviceOut,
    DevicesOut,
    ErrorOut,
    FileOut,
    ItemOut,
    LeaseIn,
    LeaseOut,
    LibraryOut,
    LicenceOut,
    ListedDeviceOut,
    MeOut,
    Nonce,
    PackageId,
    ProgressIn,
    ProgressOut,
    StatusOut,
    UserOut,
    WireState,
)
from marketplace.api.swarm import router as swarm
from marketplace.distribution import services as distribution
from marketplace.distribution.types import Progress
from marketplace.licensing import queries as purchases
from marketplace.licensing import services as licensing
from marketplace.licensing.services import LeaseRequest
from marketplace.licensing.types import Purchase
from marketplace.packaging import queries as packaging

__all__ = ["api"]

_ERRORS = {frozenset({401, 403, 404, 409, 422}): ErrorOut}

api = NinjaAPI(
    title="Geobuk",
    version="1",
    description="What a seeder asks of its shop. docs/protocol-v1.md tells the whole story.",
    urls_namespace="api-v1",
    auth=SeederAuth(),
)
api.add_decorator(cache_control(private=True, no_store=True), mode="view")
handle_errors(api)
api.add_router("", audit_log)
api.add_router("", handovers)
api.add_router("", recovery)
api.add_router("", receipts)
api.add_router("", swarm)


@api.get("/me", response={200: MeOut, **_ERRORS})
def me(request: HttpRequest) -> MeOut:
    """Who this device belongs to."""
    user, device = caller(request)
    return MeOut(
        user=UserOut(email=user.email, name=user.display_name),
        device=DeviceOut(id=device.pk, name=device.name, thumbprint=device.thumbprint),
    )


@api.delete("/device", response={204: None, **_ERRORS})
def log_out(request: HttpRequest) -> Status[None]:
    """Remove the calling device from the account: it logs out."""
    user, device = caller(request)
    accounts.remove_device(user=user, device_id=device.pk, now=timezone.now())
    return Status(204, None)


@api.get("/devices", response={200: DevicesOut, **_ERRORS})
def devices(request: HttpRequest) -> DevicesOut:
    """The account's active devices, the newest first, and how many more it may have."""
    user, here = caller(request)
    allowance = people.device_allowance(user, now=timezone.now())
    listed = [
        ListedDeviceOut(
            id=device.pk,
            name=device.name,
            thumbprint=device.thumbprint,
            registered_at=device.registered_at,
            last_seen_at=device.last_seen_at,
            current=device.pk == here.pk,
            copies_suspected=device.copies_suspected_on is not None,
        )
        for device in people.active_devices(user)
    ]
    return DevicesOut(devices=listed, limit=allowance.limit, new_keys_left=allowance.new_keys_left)


@api.delete("/devices/{device}", response={204: None, **_ERRORS})
def remove_device(request: HttpRequest, device: uuid.UUID) -> Status[None]:
    """Remove a device of the account, this one or another. Again: nothing happens."""
    user, _here = caller(request)
    accounts.remove_device(user=user, device_id=device, now=timezone.now())
    return Status(204, None)


@api.get("/library", response={200: LibraryOut, **_ERRORS})
def library(request: HttpRequest) -> LibraryOut:
    """Every purchase, also what was taken back, the newest first."""
    user, _device = caller(request)
    return LibraryOut(items=[_item(purchase) for purchase in purchases.library_of(user)])


@api.get("/packages/{package}/manifest", response={200: None, **_ERRORS})
def manifest(request: HttpRequest, package: Path[PackageId]) -> HttpResponse:
    """The signed manifest, exact bytes: its SHA-256 is the package's id."""
    user, _device = caller(request)
    purchases.entitlement_of(user, package)
    # Not the purchase's own package: it opens later versions as well.
    jws = packaging.package(package).manifest
    return HttpResponse(jws, content_type="application/jose; charset=us-ascii")


@api.get("/packages/{package}/torrent", response={200: None, **_ERRORS})
def torrent(request: HttpRequest, package: Path[PackageId]) -> HttpResponse:
    """The torrent with an announce address that is this device's alone: keep it secret."""
    user, device = caller(request)
    metainfo = distribution.torrent_for_device(user=user, device=device, package_id=package)
    return HttpResponse(metainfo, content_type="application/x-bittorrent")


@api.post("/packages/{package}/licence", response={200: LicenceOut, **_ERRORS})
def licence(request: HttpRequest, package: Path[PackageId]) -> LicenceOut:
    """This device's licence; asked again, the same bytes."""
    user, device = caller(request)
    issued = licensing.licence_for(user=user, device=device, package_id=package, now=timezone.now())
    return LicenceOut(id=issued.pk, licence=issued.jws)


@api.post("/licences/{licence_id}/lease", response={200: LeaseOut, **_ERRORS})
def lease(request: HttpRequest, licence_id: uuid.UUID, asked: LeaseIn) -> LeaseOut:
    """The next lease of this device's licence; what it tells of its playing is kept."""
    user, device = caller(request)
    first = asked.first_play
    told = LeaseRequest(
        nonce=asked.nonce,
        counter=asked.counter,
        first_play=None if first is None else dt.datetime.fromtimestamp(first, tz=dt.UTC),
        plays=asked.plays,
    )
    jws = licensing.lease_for(
        user=user, device=device, licence_id=licence_id, request=told, now=timezone.now()
    )
    return LeaseOut(lease=jws)


@api.get("/device/status", response={200: StatusOut, **_ERRORS}, auth=DeviceKeyAuth())
def device_status(request: HttpRequest, nonce: Query[Nonce]) -> StatusOut:
    """What the shop says of the calling device now, also when it is removed."""
    _user, device = caller(request)
    jws = licensing.signed_device_status(device=device, nonce=nonce, now=timezone.now())
    return StatusOut(status=jws)


@api.get(
    "/licences/{licence_id}/status", response={200: StatusOut, **_ERRORS}, auth=DeviceKeyAuth()
)
def licence_status(request: HttpRequest, licence_id: uuid.UUID, nonce: Query[Nonce]) -> StatusOut:
    """What the shop says of a licence of this device now, signed over the nonce."""
    _user, device = caller(request)
    jws = licensing.signed_status(
        device=device, licence_id=licence_id, nonce=nonce, now=timezone.now()
    )
    return StatusOut(status=jws)


@api.put("/progress", response={200: ProgressOut, **_ERRORS})
def progress(request: HttpRequest, report: ProgressIn) -> ProgressOut:
    """How the downloads go, for the owner's library page. What is not theirs is passed over."""
    user, device = caller(request)
    items = [Progress(**item.model_dump()) for item in report.items]
    kept = distribution.record_progress(user=user, device=device, items=items, now=timezone.now())
    return ProgressOut(kept=kept)


def _state_on_the_wire(purchase: Purchase) -> WireState:
    """What is suspended opens as before where it is: to a seeder it is active."""
    match purchase.state:
        case "suspended":
            return "active"
        case "charged_back" | "given":
            return "revoked"
    return purchase.state


def _item(purchase: Purchase) -> ItemOut:
    return ItemOut(
        entitlement=purchase.entitlement_id,
        listing=purchase.listing_id,
        title=purchase.title,
        seller=purchase.seller,
        cover_url=f"{settings.SITE_URL}{purchase.cover_url}" if purchase.cover_url else "",
        package=purchase.package_id,
        version=purchase.version,
        state=_state_on_the_wire(purchase),
        suspended=purchase.state == "suspended",
        kind=purchase.kind,
        rights=dict(purchase.rights),
        expires=purchase.start_by or purchase.expires_at,
        may_save=purchase.may_save,
        size=purchase.size,
        files=[
            FileOut(index=f.index, name=f.name, media_type=f.media_type, size=f.size)
            for f in purchase.files
        ],
        purchased_at=purchase.purchased_at,
    )
