from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet, Sum
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from marketplace.core.admin import ReadOnly
from marketplace.core.money import Money
from marketplace.ledger.chart import KINDS
from marketplace.ledger.models import Account, Entry, Posting

__all__ = ["AccountAdmin", "EntryAdmin"]


class _PostingInline(ReadOnly, TabularInline):
    model = Posting
    extra = 0
    fields = ["account", "amount_shown", "order_id"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Posting]:
        found: QuerySet[Posting] = super().get_queryset(request)
        return found.select_related("account")

    @admin.display(description=_("amount"))
    def amount_shown(self, posting: Posting) -> str:
        return str(Money(posting.amount_minor, posting.account.currency))


@admin.register(Entry)
class EntryAdmin(ReadOnly, ModelAdmin):
    list_display = ["id", "kind", "source", "at", "external", "memo"]
    list_filter = ["kind"]
    search_fields = ["source", "external", "memo"]
    date_hierarchy = "at"
    inlines = [_PostingInline]


@admin.register(Account)
class AccountAdmin(ReadOnly, ModelAdmin):
    list_display = ["code", "balance_shown"]
    list_filter = ["kind", "currency"]
    search_fields = ["code", "owner_id"]
    fields = ["code", "kind", "owner_id", "currency", "balance_shown"]
    readonly_fields = fields

    def get_queryset(self, request: HttpRequest) -> QuerySet[Account]:
        found: QuerySet[Account] = super().get_queryset(request)
        return found.annotate(total=Sum("postings__amount_minor"))

    @admin.display(description=_("balance"))
    def balance_shown(self, account: Account) -> str:
        total = getattr(account, "total", None) or 0
        return str(Money(KINDS[account.kind].sign * total, account.currency))
