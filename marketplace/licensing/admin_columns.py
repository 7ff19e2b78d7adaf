"""Columns of the admin's lists: titles instead of ids, and days instead of times of day."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable

from django.utils import timezone

from marketplace.licensing.audit_models import AuditEntry
from marketplace.licensing.models import Entitlement, Licence

__all__ = ["day_of", "titles_of"]


def day_of(at: dt.datetime | None) -> dt.date | None:
    """The day of a moment here: the time of day says more of a person than an operator needs."""
    return None if at is None else timezone.localdate(at)


def titles_of(entries: Iterable[AuditEntry]) -> dict[int, str]:
    """By index: what each entry is about. One that names neither kind of row has no title."""
    named: dict[int, str] = {}
    for entry in entries:
        body = json.loads(entry.body)
        row = body.get("entitlement") or body.get("licence")
        if isinstance(row, str):
            named[entry.index] = row
    wanted = set(named.values())
    titles = {
        str(pk): title
        for rows in (
            Entitlement.objects.filter(pk__in=wanted).values_list("pk", "listing__title"),
            Licence.objects.filter(pk__in=wanted).values_list("pk", "entitlement__listing__title"),
        )
        for pk, title in rows
    }
    return {index: titles.get(row, "") for index, row in named.items()}
