"""Who may announce where."""

from __future__ import annotations

from dataclasses import dataclass

from marketplace.distribution.models import AnnounceToken
from marketplace.licensing import queries as licensing

__all__ = ["ORIGIN", "Membership", "membership_of"]

ORIGIN = "origin"  # no user's id


@dataclass(frozen=True, slots=True)
class Membership:
    """That a token may announce in a swarm.

    `info_hash` as announced (v2, cut to 20 bytes) is the swarm; `member` the id of the
    user, whose devices are one member together, or ORIGIN.
    """

    info_hash: bytes
    member: str

    @property
    def is_origin(self) -> bool:
        return self.member == ORIGIN


def membership_of(token: str) -> Membership | None:
    """What the token permits now; None where it is unknown or does not count any more.

    A device's token counts while the device is not removed, its owner's account is open,
    and they may open the package; the origin's (without a device) always.
    """
    found = (
        AnnounceToken.objects.select_related("torrent", "device__user")
        .defer("torrent__metainfo")
        .filter(token=token, revoked_at__isnull=True)
        .first()
    )
    if found is None:
        return None
    device, torrent = found.device, found.torrent
    if device is not None and (
        device.removed_at is not None
        or not device.user.is_active
        or not licensing.is_entitled(device.user_id, torrent.package_id)
    ):
        return None
    member = ORIGIN if device is None else str(device.user_id)
    return Membership(bytes.fromhex(torrent.info_hash)[:20], member)
