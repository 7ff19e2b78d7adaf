"""What is left of a rental, a subscription or a loan, for people and for programs.

It says what drm.decision answered; it decides nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from drm.decision import Decision
from drm.errors import DrmError, FormatError
from drm.licence import LicenceClaims
from drm.rights import Rights
from seeder.leases import HeldLicence, Leases, Terms
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.shops import Shop
from seeder.trust import certified_licence

__all__ = ["Remaining", "left", "promised", "remaining_here", "remaining_of", "tell"]

_KINDS = {"rental": "Rental", "subscription": "Subscription", "loan": "Loan", "gift": "Gift"}
_DAY = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Remaining:
    """How something that ends stands. `ends` is the end for good; `offline_until` is when a
    device that has been offline until then must go online. `window` is the time for playing
    that a first play would begin, and `ends` until when it can; None once it has begun, or
    where there is none. `plays_left`: those that this device may begin before it asks again."""

    kind: str
    code: str = ""
    message: str = ""
    started: bool = False
    ends: datetime | None = None
    offline_until: datetime | None = None
    window: timedelta | None = None
    plays_left: int | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "kind": self.kind,
            "code": self.code,
            "message": self.message,
            "started": self.started,
            "ends": self.ends.isoformat() if self.ends else None,
            "offline_until": self.offline_until.isoformat() if self.offline_until else None,
            "window_seconds": int(self.window.total_seconds()) if self.window else None,
            "plays_left": self.plays_left,
        }


def remaining_of(item: LibraryItem, held: HeldLicence, leases: Leases) -> Remaining | None:
    """How a purchase stands by its licence and the device's record; None for ever."""
    if held.claims.perpetual:
        return None
    decision = leases.decide("play", held)
    return _remaining(item, held.claims, leases.terms(held), decision)


def _remaining(
    item: LibraryItem, claims: LicenceClaims, terms: Terms, decision: Decision
) -> Remaining:
    rights, lease = claims.rights, terms.lease
    plays = (terms.usage.first_play, lease.first_play if lease else None)
    first = min((moment for moment in plays if moment is not None), default=None)
    window = timedelta(seconds=rights.play_window) if rights.play_window is not None else None
    over = first + window if first is not None and window is not None else None
    grace = timedelta(seconds=rights.lease.grace) if rights.lease else timedelta(0)
    left = decision.plays_left
    return Remaining(
        kind=item.kind,
        code=decision.code,
        message=decision.message,
        # Not the lease's plays: some of them are set aside for other devices.
        started=first is not None or terms.usage.plays > 0,
        ends=_end(item, claims, window=window, over=over),
        offline_until=lease.expires + grace if lease else None,
        window=None if first is not None else window,
        plays_left=left,
    )


def _end(
    item: LibraryItem, claims: LicenceClaims, *, window: timedelta | None, over: datetime | None
) -> datetime | None:
    """The end for good; of a window that has not begun, until when it can begin."""
    if window is not None and over is None:
        latest = claims.expires - window if claims.expires else None
        return item.expires or latest
    # Of what a lease carries on, the library alone knows the end.
    told = item.expires if window is None else None
    return min((moment for moment in (claims.expires, over, told) if moment), default=None)


def promised(item: LibraryItem) -> Remaining | None:
    """How the library tells it, before a licence is here; None where it never ends."""
    try:
        rights = Rights.from_claims(item.rights)
    except FormatError:
        rights = Rights()
    if rights.lease is None and item.expires is None:
        return None
    window = timedelta(seconds=rights.play_window) if rights.play_window is not None else None
    return Remaining(kind=item.kind, ends=item.expires, window=window, plays_left=rights.play_count)


def left(span: timedelta) -> str:
    """A span for people, never longer than it is: “47 hours”, “3 days”, “1 minute”."""
    if span < timedelta(minutes=1):
        return "less than a minute"
    for unit, size in (("day", _DAY), ("hour", _DAY / 24), ("minute", _DAY / 1440)):
        # 72 hours read better than 3 days, as a rental counts in hours.
        if span >= size and not (unit == "day" and span <= 3 * _DAY):
            count = span // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    raise AssertionError("a span of a minute has a unit")


def tell(remaining: Remaining, now: datetime) -> str:
    """The sentence: “Rental: 47 hours left”, “Rental: not started; start by …”."""
    name = _KINDS.get(remaining.kind, "Licence")
    if remaining.message:
        return f"{name}: {remaining.message}"
    parts = []
    if remaining.window is not None:
        parts.append("not started")
        by = f"start by {_clock(remaining.ends)}, then " if remaining.ends else ""
        parts.append(f"{by}{left(remaining.window)} to play")
    elif remaining.ends is not None:
        parts.append(f"{left(remaining.ends - now)} left")
    if remaining.plays_left is not None:
        count = remaining.plays_left
        parts.append(f"{count} {'play' if count == 1 else 'plays'} ready on this device")
    until = remaining.offline_until
    if until is not None and (remaining.ends is None or until < remaining.ends):
        parts.append(f"plays offline until {_clock(until)}")
    return f"{name}: {'; '.join(parts)}" if parts else name


def _clock(moment: datetime) -> str:
    return moment.astimezone().strftime("%Y-%m-%d %H:%M")


def remaining_here(
    item: LibraryItem, papers: Papers, shop: Shop, leases: Leases
) -> Remaining | None:
    """How a purchase stands: by the licence that lies here, else as the library tells it."""
    ended = papers.revocation()
    if ended is not None:
        return Remaining(kind=item.kind, code="revoked", message=ended)
    jws = papers.licence()
    if jws is not None:
        try:
            claims, _issuer = certified_licence(jws, shop)
        except DrmError:
            return promised(item)
        return remaining_of(item, HeldLicence(claims, jws), leases)
    return promised(item)
