"""Whether something may be opened now: one pure function for player, web and command line
(docs/format-v1.md, section 13.3). Nothing here reads a clock or a disk.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from drm.errors import (
    ExpiredError,
    LicenceRefusedError,
    NotYetValidError,
    OnlineNeededError,
    PlaysUsedUpError,
    RevokedError,
    RightAbsentError,
    WindowOverError,
)
from drm.lease import Lease
from drm.rights import Action, LeaseTerms, Rights
from drm.rights import decide as require_right
from drm.status import Status

__all__ = ["CLOCK_TOLERANCE", "Clock", "Decision", "Usage", "decide", "require"]

# Section 13.3: clocks are corrected by a little all the time.
CLOCK_TOLERANCE: Final = timedelta(minutes=5)
# Section 1.3: the last second of the year 9999; what would come later counts as that.
_LAST_MOMENT: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)

_ERRORS: Final = {
    "revoked": RevokedError,
    "right_absent": RightAbsentError,
    "not_yet_valid": NotYetValidError,
    "expired": ExpiredError,
    "window_over": WindowOverError,
    "plays_used_up": PlaysUsedUpError,
}


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What this device recorded: its first play, and the plays begun under the present lease.
    `known` is False where the record is lost or cannot be read."""

    first_play: datetime | None = None
    plays: int = 0
    known: bool = True


@dataclass(frozen=True, kw_only=True)
class Clock:
    """The time, and the latest time that this device has ever seen, both with a zone."""

    now: datetime
    high_water: datetime | None = None

    def __post_init__(self) -> None:
        for moment in (self.now, self.high_water):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("a time without a zone is not a moment")


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The answer. `code` and `message` are empty where it is yes.

    `ends`: from when on no play may begin. `stops`: when one that began now must stop; both
    None for never. `begins_window`, `counts_play`: what a play that lasts longer than the
    right's `play_start_grace` does. `plays_left`: before this play, None without a limit.
    `go_online`: only the shop can help, or it soon must.
    """

    allowed: bool
    code: str = ""
    message: str = ""
    ends: datetime | None = None
    stops: datetime | None = None
    begins_window: bool = False
    counts_play: bool = False
    plays_left: int | None = None
    go_online: bool = False


def decide(  # noqa: PLR0913 - each is a thing the answer depends on
    action: Action,
    *,
    rights: Rights,
    not_before: datetime | None,
    expires: datetime | None,
    lease: Lease | None,
    status: Status | None,
    usage: Usage,
    clock: Clock,
) -> Decision:
    """Return whether `action` is permitted now, and until when.

    `lease` and `status` are verified documents of this licence, or None where there is none.
    A licence without lease and time limit never asks the clock. Raises ValueError for a time
    without a zone.
    """
    try:
        if status is not None:
            status.require_open()
        _require_time(not_before, expires, clock)
        require_right(rights, action)
        if rights.lease is None:
            if not_before is not None or expires is not None:
                _require_clock(clock.now, clock.high_water)
            return Decision(allowed=True, ends=expires, stops=_stops(expires, rights))
        held = _require_lease(rights.lease, lease, usage, clock)
        return _leased(rights, rights.lease, expires, lease=held, usage=usage, now=clock.now)
    except LicenceRefusedError as refusal:
        online = isinstance(refusal, OnlineNeededError)
        return Decision(allowed=False, code=refusal.code, message=refusal.message, go_online=online)


def require(decision: Decision) -> None:
    """Raises the LicenceRefusedError of `decision` where it is a no."""
    if decision.allowed:
        return
    if decision.code in _ERRORS:
        raise _ERRORS[decision.code](decision.message)
    raise OnlineNeededError(decision.code, decision.message)


def _require_time(not_before: datetime | None, expires: datetime | None, clock: Clock) -> None:
    if not_before is not None and clock.now < not_before:
        raise NotYetValidError
    if expires is not None and clock.now >= expires:
        raise ExpiredError


def _require_clock(now: datetime, high_water: datetime | None) -> None:
    if high_water is not None and high_water - now > CLOCK_TOLERANCE:
        raise OnlineNeededError("clock_set_back")


def _require_lease(terms: LeaseTerms, lease: Lease | None, usage: Usage, clock: Clock) -> Lease:
    if not usage.known:
        raise OnlineNeededError("state_missing")
    _require_clock(clock.now, clock.high_water)
    if lease is None:
        raise OnlineNeededError("lease_missing")
    # The shop dated the lease, so no honest clock is before that.
    _require_clock(clock.now, lease.issued_at)
    if clock.now >= _after(lease.expires, terms.grace):
        raise OnlineNeededError("lease_expired")
    return lease


def _leased(
    rights: Rights,
    terms: LeaseTerms,
    expires: datetime | None,
    *,
    lease: Lease,
    usage: Usage,
    now: datetime,
) -> Decision:
    ends = [_after(lease.expires, terms.grace)]
    if expires is not None:
        ends.append(expires)
    plays = [moment for moment in (usage.first_play, lease.first_play) if moment is not None]
    if rights.play_window is not None:
        # A window that has not begun begins now.
        over = _after(min(plays, default=now), rights.play_window)
        if now >= over:
            raise WindowOverError
        ends.append(over)
    left = None
    if rights.play_count is not None:
        left = rights.play_count - lease.plays - usage.plays
        if left <= 0:
            raise PlaysUsedUpError
    return Decision(
        allowed=True,
        ends=min(ends),
        stops=_stops(min(ends), rights),
        begins_window=rights.play_window is not None and not plays,
        counts_play=rights.play_count is not None,
        plays_left=left,
        go_online=now >= lease.expires,
    )


def _stops(ends: datetime | None, rights: Rights) -> datetime | None:
    if ends is None or not rights.soft_end:
        return ends
    return _after(ends, rights.hard_cap)


def _after(moment: datetime, seconds: int) -> datetime:
    # Section 13.3: a signed grace may be longer than any calendar.
    left = (_LAST_MOMENT - moment).total_seconds()
    return _LAST_MOMENT if seconds >= left else moment + timedelta(seconds=seconds)
