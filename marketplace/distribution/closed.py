"""Closed and open swarms: which of the two a package has, and who was put out of a closed one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from typing import Final

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.distribution.authority import authority_of
from marketplace.distribution.errors import TorrentNotFoundError
from marketplace.distribution.models import AnnounceToken, SwarmLabel, SwarmMember, Torrent
from marketplace.licensing import queries as licensing
from marketplace.messaging import services as messaging
from seeder.torrents import info_hash, with_authority

__all__ = ["TOLD_FOR", "put_out", "put_out_members", "set_closed"]

# A live connection outlasts its certificate, and its members announce every few minutes.
TOLD_FOR: Final = dt.timedelta(hours=2)


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
    """
    members = SwarmMember.objects.filter(expires_at__gt=now, put_out_at__isnull=True)
    rows = list(
        members.values_list(
            "pk", "package_id", "device__user_id", "device__removed_at", "device__user__is_active"
        )
    )
    may = licensing.openers({package for _pk, package, *_rest in rows})
    ended = {
        pk: package
        for pk, package, user, removed, active in rows
        if removed is not None or not active or (user, package) not in may
    }
    if ended:
        with transaction.atomic():
            SwarmMember.objects.filter(pk__in=ended).update(put_out_at=now)
            for package in set(ended.values()):
                _hint(package, kind="swarm.changed")
    return len(ended)


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


def _hint(package_id: str, *, kind: str) -> None:
    """Have every device that shares the package look again."""
    members = SwarmMember.objects.filter(package_id=package_id)
    tokens = AnnounceToken.objects.filter(torrent__package_id=package_id, device__isnull=False)
    owners = "device__user_id"
    for user in {*members.values_list(owners, flat=True), *tokens.values_list(owners, flat=True)}:
        messaging.publish(
            group=messaging.user_group(user), kind=kind, payload={"package": package_id}
        )
