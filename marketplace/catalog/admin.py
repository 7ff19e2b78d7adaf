from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.catalog.models import Category, Listing, Tag

__all__ = ["CategoryAdmin", "ListingAdmin", "TagAdmin"]


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ["slug", "name_en", "name_ko", "position"]
    list_editable = ["position"]


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    list_display = ["slug", "name"]
    search_fields = ["slug", "name"]


@admin.register(Listing)
class ListingAdmin(ModelAdmin):
    """An operator reads listings; what sellers wrote, and what is sealed, stays theirs."""

    list_display = ["title", "seller", "category", "price", "status", "published_at"]
    list_filter = ["status", "category", "currency"]
    list_select_related = ["seller", "category"]
    search_fields = ["title", "seller__email"]
    date_hierarchy = "published_at"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Listing | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Listing | None = None) -> bool:
        return False
