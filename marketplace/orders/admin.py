from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from marketplace.orders.models import Order

__all__ = ["OrderAdmin"]


@admin.register(Order)
class OrderAdmin(ModelAdmin):
    """Orders are read here; what changes them is a payment, or a refund on its own page."""

    list_display = ["number", "title", "buyer", "price_shown", "state", "paid_at"]
    list_filter = ["state", "currency"]
    search_fields = ["number", "bill__number", "title", "buyer__email"]
    list_select_related = ["buyer"]
    fields = [
        "number", "buyer", "listing", "package", "title", "price_shown", "rights",
        "start_days", "language", "state", "spent", "created_at", "paid_at", "refunded_at", "refund_link",
    ]  # fmt: skip
    readonly_fields = fields

    @admin.display(description=_("price"))
    def price_shown(self, order: Order) -> str:
        return str(order.price)

    @admin.display(description=_("refund"))
    def refund_link(self, order: Order) -> str | SafeString:
        if order.state != Order.State.PAID or not order.price_minor:
            return "–"
        url = reverse("checkout:refund", args=[order.pk])
        return format_html('<a href="{}">{}</a>', url, _("Refund this order…"))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Order | None = None) -> bool:
        return False
