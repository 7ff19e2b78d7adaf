"""What crosses the border of this app."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from marketplace.continuity.models import RecoveryKey

__all__ = ["Readiness", "RecoveryKey", "RecoveryKeys", "UnlockAnswer"]


@dataclass(frozen=True, slots=True)
class RecoveryKeys:
    """The public parts of a recovery key as a seeder sends them, each in base64url."""

    identity_key: str
    sealing_suite: str
    sealing_key: str
    sealing_key_signature: str


@dataclass(frozen=True, slots=True)
class UnlockAnswer:
    """The shop's commitment (base64url), and documents by the thumbprint of their recipient."""

    commitment: str
    documents: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Readiness:
    """How far the end of the shop is prepared."""

    commitment: str
    created_at: dt.datetime
    activated_at: dt.datetime | None
    trustees: str  # “3 of 5”, of the newest set; "" where none was made
    trustees_at: dt.datetime | None
    recovery_keys: int
    documents: int
