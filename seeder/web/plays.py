"""The plays that the local player serves: an unguessable name for each, for a while."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from seeder.errors import LicenceRefusedError
from seeder.opened import OpenedPackage

__all__ = ["ExpiredPlayError", "Play", "Plays", "UnknownPlayError"]

LIFETIME = timedelta(hours=12)  # longer than any film, shorter than a forgotten window


class UnknownPlayError(Exception):
    """No play has that token."""


class ExpiredPlayError(Exception):
    """The play's time is over."""


@dataclass(slots=True)
class Play:
    """One opened package and what has gone wrong with it since."""

    package: OpenedPackage
    start: int
    expires_at: datetime
    shop_name: str
    refusal: LicenceRefusedError | None = field(default=None)

    def note(self, refusal: LicenceRefusedError) -> None:
        """Remember why bytes stopped coming; the page asks for it."""
        self.refusal = refusal


class Plays:
    """Tokens and what they open. Only a hash of each token is kept for the look-up."""

    def __init__(self, *, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._plays: dict[bytes, Play] = {}

    def add(
        self,
        package: OpenedPackage,
        *,
        start: int = 0,
        shop_name: str = "",
        lifetime: timedelta = LIFETIME,
    ) -> str:
        """Begin a play and return its token: 256 random bits."""
        token = secrets.token_urlsafe(32)
        self._plays[_name(token)] = Play(package, start, self._clock() + lifetime, shop_name)
        return token

    def find(self, token: str) -> Play:
        """The play of a token. Raises UnknownPlayError or ExpiredPlayError.

        Looking up a hash tells a guesser nothing by the time it takes.
        """
        play = self._plays.get(_name(token))
        if play is None:
            raise UnknownPlayError
        if self._clock() >= play.expires_at:
            raise ExpiredPlayError
        return play

    def close(self) -> None:
        """End every play: one that was shorter than its grace counts nothing."""
        for play in self._plays.values():
            play.package.end()


def _name(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
