"""Closed and open swarms: which of the two a package has, and who was put out of a closed one."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.distribution.authority import authority_of
from marketplace.distribution.errors import TorrentNotFoundError
from marketplace.distribution.models import AnnounceToken, SwarmLabel, SwarmMember, Torrent
from marketplace.distribution.networks import network_of
from marketplace.licensing import queries as licensing
from marketplace.messaging import services as messaging
from seeder.torrents import info_hash, with_authority

__all__ = ["TOLD_FOR", "let_in_again", "neighbours", "put_out", "put_out_members", "set_closed"]

# A live connection outlasts its certificate, and its members announce every few minutes.
TOLD_FOR: Final = dt.timedelta(hours=2)
HINT_PAUSE: Final = dt.timedelta(minutes=1)


@transaction.atomic
def set_closed(*, package_id: str, closed: bool, now: dt.datetime) -> Torrent:
    """Close a package's swarm, or open it; again: nothing happens.

    Only the info-hash changes: package, files and licences are what they were, and the
    seeders go over at their next look. Raises TorrentNotFoundError.
    """
    torrent = Torrent.objects.select_for_update().filter(package_id=package_id).first()
    if torrent is None:
        raise TorrentNotFoundError(_("This item is not ready for download yet."))
    if torrent.closed == closed:
        return torrent
    authority = authority_of(package_id, now=now).certificate if closed else None
    metainfo = with_authority(bytes(torrent.metainfo), authority)
    torrent.metainfo, torrent.info_hash, torrent.closed = metainfo, info_hash(metainfo), closed
    torrent.save(update_fields=["metainfo", "info_hash", "closed"])
    # Announce addresses of the open swarm end with it.
    torrent.tokens.filter(revoked_at__isnull=True).update(revoked_at=now)
    _hint(package_id, kind="library.changed")
    return torrent


def put_out_members(*, now: dt.datetime) -> int:
    """Note whose right to a swarm has ended since it was let in, and tell the others to cut it.

    Called every some seconds by the origin; whoever ends a right need not know of swarms.
    A connection outlasts its certificate, so who let that run out is looked at all the same.
    """
    members = SwarmMember.objects.filter(expires_at__gt=now - TOLD_FOR, put_out_at__isnull=True)
    rows = list(
        members.values_list(
            "pk",
            "expires_at",
            "package_id",
            "device__user_id",
            "device__removed_at",
            "device__user__is_active",
        )
    )
    may = licensing.openers({row[2] for row in rows}, user_ids={row[3] for row in rows})
    put_out: dict[str, int] = {}
    for pk, expires, package, user, removed, active in rows:
        if removed is None and active and (user, package) in may:
            continue
        # Who was let in again meanwhile has another certificate, and stays.
        same = SwarmMember.objects.filter(pk=pk, put_out_at__isnull=True, expires_at=expires)
        put_out[package] = put_out.get(package, 0) + same.update(put_out_at=now)
    for package in put_out:
        _hint_members(package, now=now)
    return sum(put_out.values())


def let_in_again(*, device_id: uuid.UUID, package_ids: Collection[str]) -> None:
    """A device that was put out of these swarms has its right again: nobody is to cut it."""
    SwarmMember.objects.filter(
        device_id=device_id, package_id__in=package_ids, put_out_at__isnull=False
    ).update(put_out_at=None)


def put_out(package_ids: Collection[str], *, now: dt.datetime) -> dict[str, list[str]]:
    """The labels to be cut, by package: of devices whose right has ended and not come back."""
    gone: dict[str, list[str]] = {}
    members = SwarmMember.objects.filter(
        package_id__in=package_ids, put_out_at__gt=now - TOLD_FOR
    ).values_list("package_id", "device_id")
    for package, device in members:
        labels = SwarmLabel.objects.filter(device_id=device, expires_at__gt=now - TOLD_FOR)
        gone.setdefault(package, []).extend(labels.values_list("label", flat=True))
    return gone


def neighbours(
    package_id: str, labels: Collection[str], *, now: dt.datetime
) -> list[tuple[str, int, str]]:
    """Address, port and label of members who call from the same networks as `labels`.

    Who is cut is cut by its host; these are the others behind the same router, who stay.
    """
    addresses = SwarmLabel.objects.filter(label__in=labels, address__isnull=False)
    networks = {network_of(address) for address in addresses.values_list("address", flat=True)}
    if not networks:
        return []
    members = SwarmMember.objects.filter(
        package_id=package_id, expires_at__gt=now, put_out_at__isnull=True
    ).values_list("device_id", flat=True)
    present = SwarmLabel.objects.filter(
        device_id__in=members, expires_at__gt=now, address__isnull=False, port__isnull=False
    ).values_list("address", "port", "label")
    return [
        (address, port, label)
        for address, port, label in present
        if address and port and network_of(address) in networks
    ]


def _hint_members(package_id: str, *, now: dt.datetime) -> None:
    """Have those who may be connected announce; once a minute, whoever comes and goes."""
    others = SwarmMember.objects.filter(package_id=package_id, expires_at__gt=now - TOLD_FOR)
    lately = others.filter(put_out_at__gt=now - HINT_PAUSE, put_out_at__lt=now)
    if lately.exists():
        return  # they hear of it at their next announce
    owners = others.filter(put_out_at__isnull=True).values_list("device__user_id", flat=True)
    messaging.publish_to(
        groups=[messaging.user_group(user) for user in set(owners)],
        kind="swarm.changed",
        payload={"package": package_id},
    )


def _hint(package_id: str, *, kind: str) -> None:
    """Have every device that shares the package look again."""
    members = SwarmMember.objects.filter(package_id=package_id)
    tokens = AnnounceToken.objects.filter(torrent__package_id=package_id, device__isnull=False)
    owners = "device__user_id"
    users = {*members.values_list(owners, flat=True), *tokens.values_list(owners, flat=True)}
    messaging.publish_to(
        groups=[messaging.user_group(user) for user in users],
        kind=kind,
        payload={"package": package_id},
    )
