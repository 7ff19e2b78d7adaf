"""Torrents and who gets them."""

from __future__ import annotations

import datetime as dt
import secrets

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import Device, User
from marketplace.distribution.authority import authority_of, certificate_for
from marketplace.distribution.closed import set_closed
from marketplace.distribution.errors import TorrentNotFoundError
from marketplace.distribution.labels import issue_label
from marketplace.distribution.models import AnnounceToken, Torrent
from marketplace.distribution.peering import announce_device
from marketplace.distribution.progress import record_progress
from marketplace.distribution.receipts import take_receipts
from marketplace.licensing import queries as licensing
from marketplace.packaging import services as packaging
from seeder.torrents import build_metainfo, info_hash, with_announce, with_authority

__all__ = [
    "announce_device",
    "certificate_for",
    "create_torrent",
    "issue_label",
    "record_progress",
    "revoke_tokens",
    "set_closed",
    "take_receipts",
    "torrent_for_device",
    "torrent_for_origin",
]


def create_torrent(*, package_id: str, closed: bool | None = None) -> Torrent:
    """The torrent of a sealed package, made from the roots that sealing computed.

    `closed`: whether its swarm is; None as the operator has set. Made once: asked again, it is
    the same. Nothing is hashed here but the piece layers.
    Raises packaging's PackageNotFoundError.
    """
    existing = Torrent.objects.filter(package_id=package_id).first()
    if existing is not None:
        return existing
    manifest = packaging.manifest(package_id)
    metainfo = build_metainfo(
        name=package_id,
        files=[(file.size, file.root) for file in manifest.files],
        piece_layers=packaging.piece_layers(package_id),
        piece_length=manifest.piece_length,
    )
    closed = settings.CLOSED_SWARMS if closed is None else closed
    if closed:
        authority = authority_of(package_id, now=timezone.now())
        metainfo = with_authority(metainfo, authority.certificate)
    torrent, _created = Torrent.objects.get_or_create(
        package_id=package_id,
        defaults={"info_hash": info_hash(metainfo), "metainfo": metainfo, "closed": closed},
    )
    return torrent


def torrent_for_device(*, user: User, device: Device, package_id: str) -> bytes:
    """The torrent; that of an open swarm with the announce address of this device alone.

    Raises licensing's EntitlementNotFoundError and EntitlementRevokedError, accounts'
    DeviceNotFoundError where the device is removed or another's, TorrentNotFoundError.
    """
    licensing.entitlement_of(user, package_id)
    active = accounts.device(user, device.pk)
    try:
        torrent = Torrent.objects.get(package_id=package_id)
    except Torrent.DoesNotExist:
        raise TorrentNotFoundError(_("This item is not ready for download yet.")) from None
    return _with_token(torrent, active)


def torrent_for_origin(*, package_id: str) -> bytes:
    """The torrent; that of an open swarm with the announce address of the platform's seeder."""
    return _with_token(create_torrent(package_id=package_id), None)


def revoke_tokens(*, user: User, package_id: str, now: dt.datetime) -> int:
    """End the announce addresses of a user's devices for a package, as after a leak.

    Whoever may still open it gets new ones with the next torrent. A refund or a removed
    device needs no call: the tracker asks itself who may be in a swarm.
    """
    return AnnounceToken.objects.filter(
        torrent__package_id=package_id, device__user_id=user.pk, revoked_at__isnull=True
    ).update(revoked_at=now)


def _with_token(torrent: Torrent, device: Device | None) -> bytes:
    if torrent.closed:
        return bytes(torrent.metainfo)
    token = _live_token(torrent, device)
    return with_announce(bytes(torrent.metainfo), f"{settings.TRACKER_URL}/{token.token}")


def _live_token(torrent: Torrent, device: Device | None) -> AnnounceToken:
    tokens = AnnounceToken.objects.filter(torrent=torrent, device=device, revoked_at__isnull=True)
    token = tokens.first()
    if token is not None:
        return token
    try:
        with transaction.atomic():
            return AnnounceToken.objects.create(
                token=secrets.token_urlsafe(32), torrent=torrent, device=device
            )
    except IntegrityError:
        # Another request of the same device was faster.
        return tokens.get()
