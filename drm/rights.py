"""What a licence permits; a right that is absent is denied (docs/format-v1.md, section 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from drm.encoding import MAX_INTEGER, member
from drm.errors import FormatError, RightAbsentError

__all__ = ["CRITICAL_RIGHTS", "Action", "LeaseTerms", "Rights", "decide"]

Action = Literal["play", "save"]

# Section 6.3: rights that limit, by the name under which `crit` lists them.
CRITICAL_RIGHTS: Final = ("rights.lease", "rights.play_window", "rights.play_count")

_REFUSALS = {
    "play": "This licence does not include playing. Ask the shop what your purchase permits.",
    "save": "Saving a copy is not part of what you have. It can be played here.",
}


@dataclass(frozen=True, kw_only=True)
class LeaseTerms:
    """How long a lease of the licence lasts, and how long after its end a device may still
    play, both in seconds."""

    duration: int
    grace: int = 0


@dataclass(frozen=True, kw_only=True)
class Rights:
    """What the buyer may do. All times are in seconds; None means no such limit or no such right.

    `play`: open inside the player. `save`: write the plain files to the owner's disk.
    `play_window`: time for playing, from the first play on. `play_start_grace`: a play shorter
    than this begins no window and counts as none. `soft_end`: a play that began in time may go
    on past the end, for at most `hard_cap`. `play_count`: number of plays. `lease`: the key
    comes with leases. `transfer`, `gift`: pass on for good, opened or unopened. `lend`: lend
    for at most this long.
    """

    play: bool = False
    save: bool = False
    play_window: int | None = None
    play_start_grace: int = 0
    soft_end: bool = False
    hard_cap: int = 0
    play_count: int | None = None
    lease: LeaseTerms | None = None
    transfer: bool = False
    lend: int | None = None
    gift: bool = False

    def __post_init__(self) -> None:
        if self.lease is None and not (self.play_window is None and self.play_count is None):
            raise FormatError("A limit on playing needs a lease. Set “lease” as well.")
        if self.lease is not None and self.save:
            raise FormatError("A leased licence cannot permit saving a copy. Leave one out.")

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Rights:
        """Return the rights in `claims`. Unknown ones grant nothing. Raises FormatError."""
        lease = None
        if claims.get("lease") is not None:
            terms = member(claims, "lease", dict)
            duration, grace = _number(terms, "duration", 1), _number(terms, "grace", 0)
            if duration is None:
                raise FormatError("The right “lease” has no duration. Get this document again.")
            lease = LeaseTerms(duration=duration, grace=grace or 0)
        return cls(
            play=_flag(claims, "play"),
            save=_flag(claims, "save"),
            play_window=_number(claims, "play_window", 1),
            play_start_grace=_number(claims, "play_start_grace", 0) or 0,
            soft_end=_flag(claims, "soft_end"),
            hard_cap=_number(claims, "hard_cap", 0) or 0,
            play_count=_number(claims, "play_count", 1),
            lease=lease,
            transfer=_flag(claims, "transfer"),
            # `true` names no time to lend for, so it grants none.
            lend=None if claims.get("lend") is True else _number(claims, "lend", 1),
            gift=_flag(claims, "gift"),
        )

    def to_claims(self) -> dict[str, Any]:
        """Return the rights as a JSON object: play, save, and whatever else is set."""
        claims: dict[str, Any] = {"play": self.play, "save": self.save}
        for name in ("play_window", "play_start_grace", "soft_end", "hard_cap", "play_count"):
            claims[name] = getattr(self, name)
        if self.lease is not None:
            claims["lease"] = {"duration": self.lease.duration, "grace": self.lease.grace}
        for name in ("transfer", "lend", "gift"):
            claims[name] = getattr(self, name)
        return {name: value for name, value in claims.items() if value or name in ("play", "save")}

    def critical(self) -> tuple[str, ...]:
        """Return the names that the licence's `crit` must list for these rights."""
        limits = (self.lease, self.play_window, self.play_count)
        return tuple(
            name for name, limit in zip(CRITICAL_RIGHTS, limits, strict=True) if limit is not None
        )


def decide(rights: Rights, action: Action) -> None:
    """Raises RightAbsentError where `rights` do not grant `action`."""
    granted = {"play": rights.play, "save": rights.save}
    if not granted.get(action, False):
        raise RightAbsentError(*filter(None, [_REFUSALS.get(action)]))


def _flag(claims: Mapping[str, Any], name: str) -> bool:
    value = claims.get(name, False)
    if not isinstance(value, bool):
        raise FormatError(f"The right “{name}” is neither true nor false.")
    return value


def _number(claims: Mapping[str, Any], name: str, lowest: int) -> int | None:
    if claims.get(name) is None:
        return None
    value = member(claims, name, int)
    if not lowest <= value <= MAX_INTEGER:
        raise FormatError(f"The right “{name}” must be at least {lowest}.")
    return value
