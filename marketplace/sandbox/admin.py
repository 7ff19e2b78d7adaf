from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.sandbox.models import Mail


@admin.register(Mail)
class MailAdmin(ModelAdmin):
    list_display = ("subject", "to", "sent_at")
    search_fields = ("subject", "to")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Mail | None = None) -> bool:
        return False
