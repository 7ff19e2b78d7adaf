from __future__ import annotations

from django.contrib import admin
from unfold.admin import ModelAdmin

from marketplace.catalog.models import Bundle, Category, EditionCopy, Listing, SalePeriod, Tag
from marketplace.core.admin import ReadOnly

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


@admin.register(Listing)
class ListingAdmin(ReadOnly, ModelAdmin):
    list_display = ["title", "seller", "category", "pricing", "price", "status", "published_at"]
    list_filter = ["status", "category", "pricing", "currency"]
    list_select_related = ["seller", "category"]
    search_fields = ["title", "seller__email"]
    date_hierarchy = "published_at"


@admin.register(SalePeriod)
class SalePeriodAdmin(ReadOnly, ModelAdmin):
    list_display = ["listing", "price", "starts_at", "ends_at", "zone"]
    list_select_related = ["listing"]
    search_fields = ["listing__title"]
    date_hierarchy = "starts_at"


@admin.register(EditionCopy)
class EditionCopyAdmin(ReadOnly, ModelAdmin):
    list_display = ["listing", "number", "order_id", "taken_at", "returned_at"]
    list_select_related = ["listing"]
    search_fields = ["listing__title"]


@admin.register(Bundle)
class BundleAdmin(ReadOnly, ModelAdmin):
    list_display = ["title", "seller", "price", "status", "published_at"]
    list_filter = ["status", "currency"]
    list_select_related = ["seller"]
    search_fields = ["title", "seller__email"]
