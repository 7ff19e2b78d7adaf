"""What a licence permits; a right that is absent is denied (docs/format-v1.md, section 6.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from drm.errors import FormatError, RightAbsentError

__all__ = ["Action", "Rights", "decide"]

Action = Literal["play", "save"]

_REFUSALS = {
    "play": "This licence does not include playing. Ask the shop what your purchase permits.",
    "save": "The seller does not permit saving a copy of this. You can play it as often as you like.",
}


@dataclass(frozen=True, kw_only=True)
class Rights:
    """`play`: open inside the player. `save`: write the plain files to the owner's disk."""

    play: bool = False
    save: bool = False

    @classmethod
    def from_claims(cls, claims: Mapping[str, Any]) -> Rights:
        """Return the rights in `claims`. Unknown ones grant nothing. Raises FormatError."""
        for name in ("play", "save"):
            if not isinstance(claims.get(name, False), bool):
                raise FormatError(f"The right “{name}” is neither true nor false.")
        return cls(play=claims.get("play", False), save=claims.get("save", False))

    def to_claims(self) -> dict[str, bool]:
        """Return the rights as a JSON object."""
        return {"play": self.play, "save": self.save}


def decide(rights: Rights, action: Action) -> None:
    """Raises RightAbsentError where `rights` do not grant `action`."""
    granted = {"play": rights.play, "save": rights.save}
    if not granted.get(action, False):
        raise RightAbsentError(*filter(None, [_REFUSALS.get(action)]))
