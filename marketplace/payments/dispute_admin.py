"""Disputes in the administration: to read, with the way to where they are answered."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from marketplace.payments.dispute_models import Dispute

__all__ = ["DisputeAdmin"]


@admin.register(Dispute)
class DisputeAdmin(ModelAdmin):
    """What Stripe says; nothing is decided here."""

    list_display = ["stripe_id", "amount_shown", "reason", "status", "due_by", "opened_at", "page"]
    list_filter = ["status", ("closed_at", admin.EmptyFieldListFilter)]
    search_fields = ["id", "stripe_id", "payment__bill_id", "payment__payment_intent_id"]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=_("amount"))
    def amount_shown(self, dispute: Dispute) -> str:
        return str(dispute.amount)

    @admin.display(description=_("answer"))
    def page(self, dispute: Dispute) -> str:
        address = reverse("checkout:dispute", args=[dispute.pk])
        return format_html('<a href="{}">{}</a>', address, _("Open"))
