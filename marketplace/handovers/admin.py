"""What the operator sees of handovers: everything, and nothing to change."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from marketplace.handovers.models import Handover

__all__ = ["HandoverAdmin"]


@admin.register(Handover)
class HandoverAdmin(ModelAdmin):
    list_display = ["title", "kind", "state", "giver", "address", "day", "last_day"]
    list_filter = ["kind", "state"]
    search_fields = ["giver__email", "address", "entitlement__listing__title"]
    list_select_related = ["entitlement__listing", "giver"]

    @admin.display(description=_("title"), ordering="entitlement__listing__title")
    def title(self, handover: Handover) -> str:
        return handover.entitlement.listing.title

    @admin.display(description=_("day"), ordering="offered_at")
    def day(self, handover: Handover) -> dt.date:
        return timezone.localdate(handover.offered_at)

    @admin.display(description=_("last day"), ordering="due_at")
    def last_day(self, handover: Handover) -> dt.date | None:
        """When a loan comes back by itself."""
        return None if handover.due_at is None else timezone.localdate(handover.due_at)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
