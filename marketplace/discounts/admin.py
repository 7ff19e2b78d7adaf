"""What the operator sees of codes: everything, and nothing to change."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.discounts.models import Code, Redemption

__all__ = ["CodeAdmin", "RedemptionAdmin"]


class _ReadOnly(ModelAdmin):
    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Code)
class CodeAdmin(_ReadOnly):
    list_display = ["shown", "seller", "kind", "starts_at", "ends_at", "ended_at"]
    list_filter = ["kind"]
    search_fields = ["shown", "text", "seller__email"]
    list_select_related = ["seller"]


@admin.register(Redemption)
class RedemptionAdmin(_ReadOnly):
    list_display = ["code", "buyer", "bill_id", "state", "created_at", "changed_at"]
    list_filter = ["state"]
    search_fields = ["code__text", "buyer__email"]
    list_select_related = ["code", "buyer"]
