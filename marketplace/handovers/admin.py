"""What the operator sees of handovers: everything, and nothing to change."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from marketplace.handovers.models import Handover, Present

__all__ = ["HandoverAdmin", "PresentAdmin"]


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


@admin.register(Present)
class PresentAdmin(ModelAdmin):
    list_display = ["title", "state", "money", "giver", "address", "claimed_by", "day"]
    list_filter = ["state"]
    search_fields = ["giver__email", "address", "order__number", "entitlement__listing__title"]
    list_select_related = ["entitlement__listing", "giver", "claimed_by", "order"]

    @admin.display(description=_("title"), ordering="entitlement__listing__title")
    def title(self, present: Present) -> str:
        return present.entitlement.listing.title

    @admin.display(description=_("order"), ordering="order__state")
    def money(self, present: Present) -> str:
        """How its order stands: a refund takes it back, claimed or not."""
        return f"{present.order.number}: {present.order.state}"

    @admin.display(description=_("day"), ordering="given_at")
    def day(self, present: Present) -> dt.date:
        return timezone.localdate(present.given_at)

    def has_add_permission(self, request: HttpRequest, *args: Any) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
