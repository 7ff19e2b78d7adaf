"""Telling those who share a package of somebody new, so that they dial, too.

The newcomer dials whoever it is told. A peer behind a router that nobody opened is reached only
where it dials at the same time, and its own next announce is minutes away.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

from marketplace.distribution.models import SwarmLabel
from marketplace.messaging import services as messaging

__all__ = ["MOST_TOLD", "tell_of_newcomer"]

# Each of them asks the shop once more; a newcomer needs a few sources, not all.
MOST_TOLD: Final = 8


def tell_of_newcomer(package_id: str, labels: Sequence[str]) -> None:
    """Have the owners of some of these labels announce the package now."""
    chosen = list(labels)
    secrets.SystemRandom().shuffle(chosen)
    owners = SwarmLabel.objects.filter(label__in=chosen[:MOST_TOLD], device__isnull=False)
    for user in set(owners.values_list("device__user_id", flat=True)):
        messaging.publish(
            group=messaging.user_group(user), kind="swarm.changed", payload={"package": package_id}
        )
