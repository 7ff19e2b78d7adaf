"""What the operator sees of torrents and the origin. Announce tokens are secrets: not shown."""

from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from marketplace.core.admin import ReadOnly
from marketplace.distribution.models import OriginState, Torrent

__all__ = ["OriginStateAdmin", "TorrentAdmin"]


@admin.register(Torrent)
class TorrentAdmin(ReadOnly, ModelAdmin):
    list_display = ["info_hash", "package", "created_at"]
    search_fields = ["info_hash", "package__id", "package__listing__title"]
    list_select_related = ["package"]
    fields = ["info_hash", "package", "created_at"]


@admin.register(OriginState)
class OriginStateAdmin(ReadOnly, ModelAdmin):
    list_display = ["package", "state", "peers", "up_rate", "uploaded_bytes", "updated_at"]
    list_filter = ["state"]
    search_fields = ["package__id", "package__listing__title"]
    list_select_related = ["package"]
