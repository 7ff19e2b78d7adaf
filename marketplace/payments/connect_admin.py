"""The operator's look at how sellers are paid."""

from __future__ import annotations

from django.contrib import admin
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from marketplace.core.admin import ReadOnly
from marketplace.core.money import Money
from marketplace.payments.connect_models import (
    ConnectedAccount,
    Payout,
    PayoutBatch,
    Transfer,
    TransferReversal,
)

__all__ = ["ConnectedAccountAdmin", "PayoutAdmin", "PayoutBatchAdmin", "TransferAdmin"]


@admin.register(ConnectedAccount)
class ConnectedAccountAdmin(ReadOnly, ModelAdmin):
    list_display = ["user", "country", "state", "account_id", "updated_at"]
    list_filter = ["state", "country"]
    search_fields = ["user__email", "account_id"]
    list_select_related = ["user"]


class _ReversalInline(ReadOnly, TabularInline):
    model = TransferReversal
    extra = 0
    fields = ["amount_minor", "state", "stripe_id", "failure", "created_at"]
    readonly_fields = fields


@admin.register(Transfer)
class TransferAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "seller", "amount_shown", "state", "is_destination", "created_at"]
    list_filter = ["state", "is_destination", "currency"]
    search_fields = ["stripe_id", "order_id", "bill_id", "seller__email"]
    list_select_related = ["seller"]
    inlines = [_ReversalInline]

    @admin.display(description=_("amount"))
    def amount_shown(self, transfer: Transfer) -> str:
        return str(Money(transfer.amount_minor, transfer.currency))


# Account numbers are in the batch's file alone.
_SHOWN = ["seller", "amount", "state", "account_id", "bank", "last_digits", "failure", "created_at"]


@admin.register(Payout)
class PayoutAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "seller", "amount", "state", "batch", "created_at"]
    list_filter = ["state", "currency"]
    search_fields = ["id", "stripe_id", "seller__email"]
    list_select_related = ["seller", "batch"]
    fields = [*_SHOWN, "batch", "stripe_id", "ended_at"]
    readonly_fields = fields


class _PayoutInline(ReadOnly, TabularInline):
    model = Payout
    extra = 0
    fields = _SHOWN
    readonly_fields = fields


@admin.register(PayoutBatch)
class PayoutBatchAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "currency", "created_at", "paid_at"]
    inlines = [_PayoutInline]
