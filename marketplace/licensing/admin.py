"""What the operator sees of entitlements: everything but the keys, and nothing to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin, TabularInline

from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence

__all__ = ["EntitlementAdmin", "LicenceAdmin"]


class _ReadOnly:
    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class EventInline(_ReadOnly, TabularInline):
    model = EntitlementEvent
    fields = ["at", "kind", "source"]
    extra = 0


@admin.register(Entitlement)
class EntitlementAdmin(_ReadOnly, ModelAdmin):
    list_display = ["listing", "user", "state", "rights", "created_at"]
    list_filter = ["state"]
    search_fields = ["user__email", "listing__title", "order_id", "package__id"]
    list_select_related = ["listing", "user"]
    inlines = [EventInline]


@admin.register(Licence)
class LicenceAdmin(_ReadOnly, ModelAdmin):
    """Without the licence itself: it holds a sealed key and is its device's alone."""

    list_display = ["id", "device", "entitlement", "issued_at"]
    search_fields = ["id", "device__name", "entitlement__user__email"]
    list_select_related = ["device", "entitlement"]
    fields = ["id", "entitlement", "device", "issued_at"]
