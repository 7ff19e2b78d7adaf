"""Who may announce where."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import cast

from django.db.models import Q

from marketplace.distribution.models import AnnounceToken
from marketplace.licensing import queries as licensing

__all__ = ["ORIGIN", "Membership", "membership_of", "memberships_of"]

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


def memberships_of(tokens: Collection[str]) -> dict[str, Membership]:
    """What these tokens permit now; without those that are unknown or do not count any more.

    A device's token counts while the swarm is open, the device is not removed, its owner's
    account is open, and they may open the package; the origin's (without a device) while
    the swarm is open. Two statements, however many tokens there are.
    """
    found = AnnounceToken.objects.filter(
        Q(device=None) | Q(device__removed_at=None, device__user__is_active=True),
        token__in=tokens,
        revoked_at=None,
        torrent__closed=False,
    ).values_list("token", "torrent__info_hash", "torrent__package_id", "device__user_id")
    # The stubs do not see that the origin's row has no device.
    rows = cast("list[tuple[str, str, str, uuid.UUID | None]]", list(found))
    users = {user for _token, _hash, _package, user in rows if user is not None}
    packages = {package for _token, _hash, package, user in rows if user is not None}
    openers = licensing.openers(packages, user_ids=users) if users else set()
    return {
        token: Membership(bytes.fromhex(info_hash)[:20], ORIGIN if user is None else str(user))
        for token, info_hash, package, user in rows
        if user is None or (user, package) in openers
    }


def membership_of(token: str) -> Membership | None:
    """What one token permits now, as `memberships_of` says it."""
    return memberships_of([token]).get(token)
