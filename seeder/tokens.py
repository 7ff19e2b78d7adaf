"""Access and refresh token of one device at one shop, and the file that keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from seeder.config import ShopFolder, read_json, write_json
from seeder.errors import NotLoggedInError, ShopAnswerError

__all__ = ["Tokens"]


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the device flow gave; worthless without the device's key, and secret all the same."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime

    @classmethod
    def from_answer(cls, answer: Mapping[str, Any], *, now: datetime, refresh: str = "") -> Tokens:
        """Read a token endpoint's answer (RFC 6749, section 5.1). Raises ShopAnswerError."""
        try:
            return cls(
                access=str(answer["access_token"]),
                refresh=str(answer.get("refresh_token") or refresh),
                expires_at=now + timedelta(seconds=int(answer["expires_in"])),
            )
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
            raise ShopAnswerError("The shop's answer to the login cannot be read.") from error

    @classmethod
    def load(cls, folder: ShopFolder) -> Tokens:
        """Read the stored tokens; NotLoggedInError where they are missing or torn."""
        record = read_json(folder.tokens_file) or {}
        try:
            return cls(
                access=record["access_token"],
                refresh=record["refresh_token"],
                expires_at=datetime.fromisoformat(record["expires_at"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise NotLoggedInError(
                "This machine is not logged in to the shop. Run: geobuk login URL"
            ) from error

    def store(self, folder: ShopFolder) -> None:
        """Keep them, readable by this user alone."""
        write_json(
            folder.tokens_file,
            {
                "access_token": self.access,
                "refresh_token": self.refresh,
                "expires_at": self.expires_at.isoformat(),
            },
        )
