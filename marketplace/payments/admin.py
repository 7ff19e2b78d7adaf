from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from marketplace.core.admin import ReadOnly
from marketplace.core.money import Money
from marketplace.payments.connect_admin import (
    ConnectedAccountAdmin,
    PayoutAdmin,
    PayoutBatchAdmin,
    TransferAdmin,
)
from marketplace.payments.dispute_admin import DisputeAdmin
from marketplace.payments.models import Payment, Refund, StripeEvent

__all__ = [
    "ConnectedAccountAdmin",
    "DisputeAdmin",
    "PaymentAdmin",
    "PayoutAdmin",
    "PayoutBatchAdmin",
    "RefundAdmin",
    "StripeEventAdmin",
    "TransferAdmin",
]


class _RefundInline(ReadOnly, TabularInline):
    model = Refund
    extra = 0
    fields = [
        "order_id",
        "amount_minor",
        "credit_minor",
        "state",
        "stripe_id",
        "reason",
        "failure",
        "created_at",
    ]
    readonly_fields = fields


@admin.register(Payment)
class PaymentAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "bill_id", "amount_shown", "state", "session_id", "created_at"]
    list_filter = ["state", "currency"]
    search_fields = ["id", "bill_id", "session_id", "payment_intent_id"]
    inlines = [_RefundInline]

    @admin.display(description=_("amount"))
    def amount_shown(self, payment: Payment) -> str:
        return str(Money(payment.amount_minor, payment.currency))


@admin.register(Refund)
class RefundAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "payment", "amount_shown", "state", "reason", "failure", "created_at"]
    list_filter = ["state"]
    search_fields = ["id", "stripe_id", "payment__bill_id", "order_id"]
    list_select_related = ["payment"]

    @admin.display(description=_("amount"))
    def amount_shown(self, refund: Refund) -> str:
        return str(Money(refund.amount_minor, refund.payment.currency))


@admin.register(StripeEvent)
class StripeEventAdmin(ReadOnly, ModelAdmin):
    list_display = ["event_id", "type", "object_id", "received_at", "processed_at", "attempts"]
    list_filter = ["type", ("processed_at", admin.EmptyFieldListFilter)]
    search_fields = ["event_id", "object_id"]
