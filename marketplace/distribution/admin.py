"""What the operator sees of torrents and the origin. Announce tokens are secrets: not shown."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.distribution.models import OriginState, Torrent

__all__ = ["OriginStateAdmin", "TorrentAdmin"]


class _ReadOnlyAdmin(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Torrent)
class TorrentAdmin(_ReadOnlyAdmin):
    list_display = ["info_hash", "package", "created_at"]
    search_fields = ["info_hash", "package__id", "package__listing__title"]
    list_select_related = ["package"]
    fields = ["info_hash", "package", "created_at"]


@admin.register(OriginState)
class OriginStateAdmin(_ReadOnlyAdmin):
    list_display = ["package", "state", "peers", "up_rate", "uploaded_bytes", "updated_at"]
    list_filter = ["state"]
    search_fields = ["package__id", "package__listing__title"]
    list_select_related = ["package"]
