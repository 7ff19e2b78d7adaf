"""What the origin has sent, in its own words: it is a sender like others, and signs to nobody."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.db.models import F

from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.networks import network_of, networks_of
from marketplace.distribution.receipt_models import Claim

__all__ = ["add_origin_claims", "may_be_under"]


def add_origin_claims(sent: Mapping[tuple[str, str], int], *, now: dt.datetime) -> None:
    """Add to what the origin claims: payload bytes since the last time, by package and label.

    Labels that nobody holds, or devices that were removed, have got nothing.
    """
    labels = SwarmLabel.objects.filter(
        label__in={label for _package, label in sent}, device__removed_at__isnull=True
    )
    owners = {row.label: row.device_id for row in labels if row.device_id is not None}
    for (package, label), count in sent.items():
        if label not in owners:
            continue
        own = Claim.objects.filter(sender=None, package_id=package, label=label)
        if not own.update(bytes=F("bytes") + count, updated_at=now):
            Claim.objects.create(
                sender=None,
                receiver_id=owners[label],
                package_id=package,
                label=label,
                bytes=count,
                updated_at=now,
            )


def may_be_under(*, label: str, host: str) -> bool:
    """Whether a peer at `host` may well be who it says: a label is a name, and anyone can
    say it, so as to have the origin's bytes counted as another's.

    It may where the device's owner was seen in the network of `host`, and where they were
    never seen over this version of IP: many homes have both, and ask the shop over one.
    """
    row = SwarmLabel.objects.filter(label=label).select_related("device").first()
    if row is None or row.device is None:
        return False
    network = network_of(host)
    seen = networks_of({row.device.user_id})[row.device.user_id]
    return network in seen or all((":" in other) != (":" in network) for other in seen)
