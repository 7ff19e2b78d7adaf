"""How the origin serves one package: at full speed, sparing itself, or one piece to each.

    nobody else has all of it, one buyer fetches     full speed
    nobody else has all of it, several fetch         super-seeding: each piece goes out about once,
                                                     and the buyers give it to each other
    HEALTHY others have all of it                    steps back to a low rate, for whoever they
                                                     cannot reach

What others have is what their seeders report, a claim: so stepping back never means to stop,
and who lies about it makes a download slower, not impossible.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from marketplace.distribution.models import DeviceDownload

__all__ = ["HEALTHY", "Manner", "Others", "manner_for", "others_with"]

HEALTHY: Final = 3  # people who have all of it: one may go, and one be slow
REPORT_LIFETIME: Final = dt.timedelta(seconds=90)  # a device that is silent for longer is off


@dataclass(frozen=True, slots=True)
class Others:
    """How many people share all of a package, and how many fetch it, as their devices report."""

    seeds: int = 0
    leechers: int = 0


@dataclass(frozen=True, slots=True)
class Manner:
    """`most`: bytes a second that the package may take, 0 for no limit of its own."""

    super_seeding: bool = False
    most: int = 0


def manner_for(others: Others, *, stepped_back: int) -> Manner:
    """The manner that fits; `stepped_back` is the rate of a healthy swarm, 0 for no limit."""
    if others.seeds >= HEALTHY:
        return Manner(most=stepped_back)
    return Manner(super_seeding=others.seeds == 0 and others.leechers > 1)


def others_with(package_ids: Collection[str], *, now: dt.datetime) -> Mapping[str, Others]:
    """Who shares and fetches these packages now, each person once, however many devices."""
    rows = DeviceDownload.objects.filter(
        package_id__in=package_ids, updated_at__gt=now - REPORT_LIFETIME
    ).values_list("package_id", "state", "device__user_id")
    counted = Counter((package, state) for package, state, _user in set(rows))
    return {
        package: Others(counted[package, "seeding"], counted[package, "downloading"])
        for package in {package for package, _state in counted}
    }
