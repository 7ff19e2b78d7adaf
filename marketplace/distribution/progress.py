"""What devices say of their downloads: kept for their owner's eyes, believed by nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction

from marketplace.accounts.types import Device, User
from marketplace.distribution.models import DeviceDownload
from marketplace.distribution.types import STATES, Progress
from marketplace.licensing import queries as licensing
from marketplace.messaging import services as messaging

__all__ = ["record_progress"]

# A device that reports faster than this is heard at its next report, unless a state changed.
_PAUSE = dt.timedelta(milliseconds=500)
_FIELDS = [
    "state",
    "done_bytes",
    "total_bytes",
    "down_rate",
    "up_rate",
    "uploaded_bytes",
    "peers",
    "updated_at",
]


@transaction.atomic
def record_progress(
    *, user: User, device: Device, items: Sequence[Progress], now: dt.datetime
) -> int:
    """Keep what `device` reports, and tell the open pages of its owner.

    Packages that `user` may not open are passed over, as is what comes within half a
    second of the last report and changes no state. Returns how many were kept.
    """
    known = {row.package_id: row for row in DeviceDownload.objects.filter(device_id=device.pk)}
    may_open = licensing.packages_of(user)
    # By package: a report that names one twice counts once, the last.
    kept = {i.package: i for i in items if i.package in may_open and i.state in STATES}
    new_state = any(p not in known or known[p].state != i.state for p, i in kept.items())
    last = max((row.updated_at for row in known.values()), default=None)
    if not kept or (last is not None and now - last < _PAUSE and not new_state):
        return 0
    DeviceDownload.objects.bulk_create(
        [_row(device, item, now) for item in kept.values()],
        update_conflicts=True,
        unique_fields=["package", "device"],
        update_fields=_FIELDS,
    )
    for item in kept.values():
        if not _is_same(known.get(item.package), item):
            messaging.publish(
                group=messaging.user_group(user.pk),
                kind="download.progress",
                payload={
                    "device": str(device.pk),
                    "package": item.package,
                    "state": item.state,
                    "done": item.done,
                    "total": item.total,
                    "down_rate": item.down_rate,
                    "up_rate": item.up_rate,
                    "peers": item.peers,
                },
            )
    return len(kept)


def _row(device: Device, item: Progress, now: dt.datetime) -> DeviceDownload:
    return DeviceDownload(
        package_id=item.package,
        device=device,
        state=item.state,
        done_bytes=min(item.done, item.total),
        total_bytes=item.total,
        down_rate=item.down_rate,
        up_rate=item.up_rate,
        uploaded_bytes=item.uploaded,
        peers=item.peers,
        updated_at=now,
    )


def _is_same(row: DeviceDownload | None, item: Progress) -> bool:
    return row is not None and (
        row.state,
        row.done_bytes,
        row.total_bytes,
        row.down_rate,
        row.up_rate,
        row.peers,
    ) == (item.state, item.done, item.total, item.down_rate, item.up_rate, item.peers)
