"""What `manage.py check --deploy` says about the end of the shop."""

from __future__ import annotations

from typing import Any

from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004
from django.db import DatabaseError

from marketplace.continuity.models import ShareSet

__all__ = ["trustees_hold_shares"]


@register(Tags.security, deploy=True)
def trustees_hold_shares(**_: Any) -> list[CheckMessage]:
    """A shop that dies suddenly publishes nothing itself: without trustees, nobody could."""
    try:
        if ShareSet.objects.exists():
            return []
    except DatabaseError:
        return []  # not migrated yet: nothing was sold either
    hint = "Run `manage.py continuity prepare --trustees 5 --threshold 3 --out FOLDER`."
    problem = "No trustees hold shares: if the shop dies suddenly, nobody can activate its end."
    return [Warning(problem, hint=hint, id="geobuk.W004")]
