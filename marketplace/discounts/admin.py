"""What the operator sees of codes: everything, and nothing to change."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from marketplace.core.admin import ReadOnly
from marketplace.discounts.models import Code, Redemption

__all__ = ["CodeAdmin", "RedemptionAdmin"]


@admin.register(Code)
class CodeAdmin(ReadOnly, ModelAdmin):
    list_display = ["shown", "seller", "kind", "starts_at", "ends_at", "ended_at"]
    list_filter = ["kind"]
    search_fields = ["shown", "text", "seller__email"]
    list_select_related = ["seller"]


@admin.register(Redemption)
class RedemptionAdmin(ReadOnly, ModelAdmin):
    list_display = ["code", "buyer", "bill_id", "state", "created_at", "changed_at"]
    list_filter = ["state"]
    search_fields = ["code__text", "buyer__email"]
    list_select_related = ["code", "buyer"]
