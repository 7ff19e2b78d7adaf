from __future__ import annotations

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from marketplace.catalog.models import Bundle, Category, EditionCopy, Listing, SalePeriod, Tag

__all__ = [
    "BundleAdmin",
    "CategoryAdmin",
    "EditionCopyAdmin",
    "ListingAdmin",
    "SalePeriodAdmin",
    "TagAdmin",
]


@admin.register(Category)
class CategoryAdmin(ModelAdmin):
    list_display = ["slug", "name_en", "name_ko", "position"]
    list_editable = ["position"]


@admin.register(Tag)
class TagAdmin(ModelAdmin):
    list_display = ["slug", "name"]
    search_fields = ["slug", "name"]


class _ReadOnly(ModelAdmin):
    """An operator reads it; what sellers wrote, and what is sealed or sold, stays as it is."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Listing)
class ListingAdmin(_ReadOnly):
    list_display = ["title", "seller", "category", "pricing", "price", "status", "published_at"]
    list_filter = ["status", "category", "pricing", "currency"]
    list_select_related = ["seller", "category"]
    search_fields = ["title", "seller__email"]
    date_hierarchy = "published_at"


@admin.register(SalePeriod)
class SalePeriodAdmin(_ReadOnly):
    list_display = ["listing", "price", "starts_at", "ends_at", "zone"]
    list_select_related = ["listing"]
    search_fields = ["listing__title"]
    date_hierarchy = "starts_at"


@admin.register(EditionCopy)
class EditionCopyAdmin(_ReadOnly):
    list_display = ["listing", "number", "order_id", "taken_at", "returned_at"]
    list_select_related = ["listing"]
    search_fields = ["listing__title"]


@admin.register(Bundle)
class BundleAdmin(_ReadOnly):
    list_display = ["title", "seller", "price", "status", "published_at"]
    list_filter = ["status", "currency"]
    list_select_related = ["seller"]
    search_fields = ["title", "seller__email"]
