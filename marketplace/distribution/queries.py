"""Reading torrents, downloads, and who is there."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from django.db.models import Case, Q, When
from django.utils import timezone

from marketplace.accounts.types import User
from marketplace.distribution.matching import deliveries
from marketplace.distribution.models import DeviceDownload, Torrent
from marketplace.distribution.peering import seat_taken
from marketplace.distribution.swarm import SWARMS
from marketplace.distribution.types import Download, Progress, SwarmSize

__all__ = ["deliveries", "downloads_of", "is_closed", "swarm_sizes"]


def downloads_of(user: User) -> list[Download]:
    """The last reports of the user's present devices, by the devices' names."""
    rows = DeviceDownload.objects.filter(
        device__user_id=user.pk, device__removed_at__isnull=True
    ).select_related("device")
    return [_download(row) for row in rows.order_by("device__name", "device_id")]


def is_closed(package_id: str) -> bool | None:
    """Whether the package's swarm is closed; None where it has no torrent yet."""
    return Torrent.objects.filter(package_id=package_id).values_list("closed", flat=True).first()


def swarm_sizes(package_ids: Collection[str]) -> dict[str, SwarmSize]:
    """How many peers share each package now, as this process has heard of it.

    The origin announces itself to open swarms alone; in closed ones it is counted here.
    """
    served = Q(closed=True, package__origin__state="seeding") & Q(seat_taken(now=timezone.now()))
    rows = Torrent.objects.filter(package_id__in=package_ids).values_list(
        "info_hash", "package_id", Case(When(served, then=1), default=0)
    )
    sizes = {}
    for info_hash, package_id, origin in rows:
        size = SWARMS.size(bytes.fromhex(info_hash)[:20])
        sizes[package_id] = replace(size, seeds=size.seeds + origin)
    return sizes


def _download(row: DeviceDownload) -> Download:
    return Download(
        device_id=row.device_id,
        device=row.device.name,
        progress=Progress(
            package=row.package_id,
            state=row.state,
            done=row.done_bytes,
            total=row.total_bytes,
            down_rate=row.down_rate,
            up_rate=row.up_rate,
            uploaded=row.uploaded_bytes,
            peers=row.peers,
        ),
        updated_at=row.updated_at,
    )
