"""What crosses the border of this app."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from marketplace.distribution.models import Torrent
from marketplace.distribution.peering import Attendance
from marketplace.distribution.swarm import SwarmSize

__all__ = ["STATES", "Attendance", "Delivery", "Download", "Progress", "SwarmSize", "Torrent"]

STATES = frozenset({"downloading", "seeding", "checking", "paused", "error"})


@dataclass(frozen=True, slots=True)
class Progress:
    """What a device says of its copy of a package. Sizes in bytes, rates in bytes a second."""

    package: str
    state: str
    done: int
    total: int
    down_rate: int = 0
    up_rate: int = 0
    uploaded: int = 0
    peers: int = 0


@dataclass(frozen=True, slots=True)
class Download:
    """The last report of a device, for its owner's page."""

    device_id: uuid.UUID
    device: str
    progress: Progress
    updated_at: dt.datetime

    @property
    def complete(self) -> bool:
        return self.progress.total > 0 and self.progress.done >= self.progress.total


@dataclass(frozen=True, slots=True)
class Delivery:
    """Payload bytes of one package that one account got from another; `sender_id` is the
    sender's user, or None where the origin sent them."""

    sender_id: uuid.UUID | None
    bytes: int
