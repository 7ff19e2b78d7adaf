"""The fake shop's desk for leases (docs/protocol-v1.md, 4.14), with switches for what goes wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from drm.keys import ContentKey, IdentityKey
from drm.lease import sign_lease
from drm.licence import DeviceKeys
from drm.rights import LeaseTerms, Rights

__all__ = ["HOUR", "LeaseDesk", "rental"]

HOUR = 3600


def rental(*, window: int | None = 48 * HOUR, plays: int | None = None, **more: Any) -> Rights:
    """Rights of a rental: leases of three days with a day of grace."""
    terms = LeaseTerms(duration=72 * HOUR, grace=24 * HOUR)
    return Rights(play=True, play_window=window, play_count=plays, lease=terms, **more)


@dataclass
class _Row:
    issued: int = 0
    presented: int = 0
    epoch: int = 0
    first_play: datetime | None = None
    plays: dict[int, int] = field(default_factory=dict)  # by the lease they were told under


@dataclass
class LeaseDesk:
    """What the shop keeps of each licence and device, and what it does instead where told to."""

    licences: dict[tuple[str, str], str] = field(default_factory=dict)
    rows: dict[tuple[str, str], _Row] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)
    forked: list[str] = field(default_factory=list)
    changes: dict[str, Any] = field(default_factory=dict)  # of the lease that is signed
    answer: str | None = None  # this, whatever was asked

    def issued(self, licence_id: str, device: str, jws: str) -> str:
        """The licence that this device has: made once, the same bytes for ever."""
        return self.licences.setdefault((licence_id, device), jws)

    def lease(
        self,
        question: Mapping[str, Any],
        *,
        licence_id: str,
        device: DeviceKeys,
        rights: Rights,
        key: ContentKey,
        issuer: IdentityKey,
        now: datetime,
    ) -> str:
        self.asked.append(dict(question))
        if self.answer is not None:
            return self.answer
        thumbprint = device.identity_public.thumbprint
        row = self.rows.setdefault((licence_id, thumbprint), _Row())
        self._count(row, question, thumbprint)
        row.issued += 1
        assert rights.lease is not None
        arguments: dict[str, Any] = {
            "issuer": issuer,
            "kid": issuer.public.thumbprint,
            "lease_id": f"lease-{row.issued}",
            "licence": self.licences[licence_id, thumbprint],
            "device": device,
            "key": key,
            "now": now,
            "expires": now + timedelta(seconds=rights.lease.duration),
            "counter": row.issued,
            "epoch": row.epoch,
            "nonce": question["nonce"],
            "first_play": row.first_play,
            "plays": sum(row.plays.values()),
        }
        return sign_lease(**{**arguments, **self.changes})

    def _count(self, row: _Row, question: Mapping[str, Any], device: str) -> None:
        counter, first = question["counter"], question["first_play"]
        if counter == 0 and row.issued:
            row.epoch += 1
        elif counter not in (row.issued, row.presented):
            self.forked.append(device)
        row.presented = max(row.presented, counter)
        row.plays[counter] = max(row.plays.get(counter, 0), question["plays"])
        if first is not None:
            told = datetime.fromtimestamp(first, tz=UTC)
            row.first_play = min(told, row.first_play or told)
