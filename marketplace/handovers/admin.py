"""What the operator sees of handovers: everything, and nothing to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.handovers.models import Handover

__all__ = ["HandoverAdmin"]


@admin.register(Handover)
class HandoverAdmin(ModelAdmin):
    list_display = ["entitlement", "kind", "state", "giver", "address", "offered_at", "due_at"]
    list_filter = ["kind", "state"]
    search_fields = ["giver__email", "address", "entitlement__listing__title"]
    list_select_related = ["entitlement", "giver"]

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
