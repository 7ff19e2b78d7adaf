"""What the operator sees of entitlements: everything but the keys, and nothing to change."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline

from marketplace.core.admin import ReadOnly
from marketplace.licensing.admin_columns import day_of, titles_of
from marketplace.licensing.audit_models import AuditEntry, AuditHead
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from marketplace.packaging import services as packaging

__all__ = ["AuditEntryAdmin", "AuditHeadAdmin", "EntitlementAdmin", "LicenceAdmin"]


class EventInline(ReadOnly, TabularInline):
    model = EntitlementEvent
    fields = ["at", "kind", "source"]
    extra = 0


@admin.register(Entitlement)
class EntitlementAdmin(ReadOnly, ModelAdmin):
    """Without what a device told of its playing; of the end, which tells of it, the day alone."""

    list_display = ["listing", "user", "kind", "state", "day", "last_day"]
    list_filter = ["kind", "state"]
    search_fields = ["user__email", "listing__title", "order_id", "package__id"]
    list_select_related = ["listing", "user"]
    inlines = [EventInline]
    exclude = ["first_play_at", "plays_used", "expires_at"]
    readonly_fields = ["last_day"]

    @admin.display(description=_("day"), ordering="created_at")
    def day(self, entitlement: Entitlement) -> dt.date | None:
        return day_of(entitlement.created_at)

    @admin.display(description=_("last day"))
    def last_day(self, entitlement: Entitlement) -> dt.date | None:
        return day_of(entitlement.expires_at)


@admin.register(Licence)
class LicenceAdmin(ReadOnly, ModelAdmin):
    """Without the licence itself: it holds a sealed key and is its device's alone."""

    list_display = ["title", "kind", "state", "device", "day"]
    search_fields = [
        "id",
        "device__name",
        "entitlement__user__email",
        "entitlement__listing__title",
    ]
    list_select_related = ["device", "entitlement__listing"]
    fields = ["id", "title", "entitlement", "device", "day"]
    readonly_fields = ["title", "day"]

    @admin.display(description=_("title"), ordering="entitlement__listing__title")
    def title(self, licence: Licence) -> str:
        return licence.entitlement.listing.title

    @admin.display(description=_("kind"), ordering="entitlement__kind")
    def kind(self, licence: Licence) -> str:
        return licence.entitlement.get_kind_display()

    @admin.display(description=_("state"))
    def state(self, licence: Licence) -> str:
        """Of the entitlement, or that the device has given the licence back."""
        if licence.surrendered_at is not None:
            return gettext("given back")
        return licence.entitlement.get_state_display()

    @admin.display(description=_("day"), ordering="issued_at")
    def day(self, licence: Licence) -> dt.date | None:
        return day_of(licence.issued_at)


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnly, ModelAdmin):
    """The log as it is: who looks for a licence searches for its id or its hash."""

    list_display = ["index", "kind", "title", "day", "document"]
    search_fields = ["body", "document"]
    ordering = ["-index"]

    @admin.display(description=_("kind"))
    def kind(self, entry: AuditEntry) -> str:
        return str(json.loads(entry.body)["kind"])

    @admin.display(description=_("title"))
    def title(self, entry: AuditEntry) -> str:
        return getattr(entry, "shown_title", "")

    @admin.display(description=_("day"))
    def day(self, entry: AuditEntry) -> dt.date:
        return dt.datetime.fromtimestamp(json.loads(entry.body)["at"], tz=dt.UTC).date()

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The page's titles are asked for together and not row by row."""
        changes: ChangeList = super().get_changelist_instance(request)
        rows = list(changes.result_list)
        titles = titles_of(rows)
        for entry in rows:
            entry.shown_title = titles.get(entry.index, "")
        changes.result_list = rows
        return changes


@admin.register(AuditHead)
class AuditHeadAdmin(ReadOnly, ModelAdmin):
    """The signed heads; and, ahead of time, that the offline root has to sign new keys."""

    list_display = ["tree_size", "day", "root"]
    ordering = ["-tree_size"]

    def changelist_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        now = timezone.now()
        until = packaging.certified_until(now=now)
        if until is not None and until - now < packaging.WARN_BEFORE_END:
            sentence = _(
                "Licences can be issued until %(date)s only. Let the offline root sign new keys:"
                " manage.py root request FILE"
            )
            messages.warning(request, sentence % {"date": until.date()})
        answer: HttpResponse = super().changelist_view(request, *args, **kwargs)
        return answer
