"""Reading how the end of the shop is prepared. What is not yours is not found."""

from __future__ import annotations

import datetime as dt

from marketplace.accounts.types import User
from marketplace.continuity.documents import kept_for_good
from marketplace.continuity.models import RecoveryKey, ShareSet, UnlockDocument
from marketplace.continuity.secret import activation_key
from marketplace.continuity.types import Readiness

__all__ = ["kept_for_good", "readiness", "recovery_key_of"]


def recovery_key_of(user: User) -> RecoveryKey | None:
    """The account's recovery key: its public parts, which are all that the shop has."""
    return RecoveryKey.objects.filter(user_id=user.pk).first()


def readiness(*, now: dt.datetime) -> Readiness:
    """How far the end of the shop is prepared. Raises packaging's CustodyError."""
    key = activation_key(now=now)
    shares = ShareSet.objects.first()
    return Readiness(
        commitment=key.commitment,
        created_at=key.created_at,
        activated_at=key.activated_at,
        trustees=str(shares) if shares else "",
        trustees_at=shares.created_at if shares else None,
        recovery_keys=RecoveryKey.objects.count(),
        documents=UnlockDocument.objects.count(),
    )
