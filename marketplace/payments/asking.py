"""When it is not enough to ask Stripe again with the same idempotency key."""

from __future__ import annotations

import datetime as dt

from django.utils import timezone

__all__ = ["key_is_forgotten"]

# Stripe keeps a key for a day at least, and then forgets it.
REMEMBERED = dt.timedelta(hours=20)


def key_is_forgotten(written_at: dt.datetime) -> bool:
    """Whether what was written down then has to be looked up at Stripe before it is asked for."""
    return timezone.now() - written_at > REMEMBERED
