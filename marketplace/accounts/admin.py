"""People, sellers and devices for the operator. Keys and tokens are not shown."""

from __future__ import annotations

from typing import Any

from allauth.account.admin import EmailAddress
from allauth.account.decorators import secure_admin_login
from allauth.mfa.admin import Authenticator
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from marketplace.accounts import services
from marketplace.accounts.models import Device, Seller, User

__all__ = ["AddressAdmin", "DeviceAdmin", "SecondFactorAdmin", "SellerAdmin", "UserAdmin"]

# The admin's own log-in page would pass by the rate limits and the second factor.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


@admin.register(User)
class UserAdmin(ModelAdmin):
    list_display = ["email", "display_name", "is_active", "is_staff", "date_joined", "last_login"]
    list_filter = ["is_active", "is_staff"]
    search_fields = ["email", "display_name"]
    ordering = ["-date_joined"]
    fields = [
        "email",
        "display_name",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "date_joined",
        "last_login",
    ]
    # The address is changed by its owner, who confirms the new one by mail.
    readonly_fields = ["email", "date_joined", "last_login"]
    filter_horizontal = ["groups"]

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        # Who may edit people must not make themselves more than they are.
        ranks = [] if _is_superuser(request) else ["is_staff", "is_superuser", "groups"]
        return [*self.readonly_fields, *ranks]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people sign up themselves, or `manage.py createsuperuser` makes them

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may_touch(request, obj) and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return _may_touch(request, obj) and bool(super().has_delete_permission(request, obj))


def _is_superuser(request: HttpRequest) -> bool:
    return bool(getattr(request.user, "is_superuser", False))


def _may_touch(request: HttpRequest, person: User | None) -> bool:
    return person is None or not person.is_superuser or _is_superuser(request)


# allauth's own pages show the secret of a second factor, and change anybody's address.
admin.site.unregister([Authenticator, EmailAddress])


class _Reading(ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Authenticator)
class SecondFactorAdmin(_Reading):
    """Without the secret. A person who lost theirs is let in by deleting it here."""

    list_display = ["user", "type", "created_at", "last_used_at"]
    list_filter = ["type"]
    search_fields = ["user__email"]
    list_select_related = ["user"]
    fields = ["user", "type", "created_at", "last_used_at"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        person = obj.user if isinstance(obj, Authenticator) else None
        return _may_touch(request, person) and bool(super().has_delete_permission(request, obj))

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return {}  # "delete selected" would ask about no one in particular


@admin.register(EmailAddress)
class AddressAdmin(_Reading):
    """An address is changed by its owner, who confirms the new one by mail."""

    list_display = ["email", "user", "primary", "verified"]
    list_filter = ["primary", "verified"]
    search_fields = ["email", "user__email"]
    list_select_related = ["user"]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Seller)
class SellerAdmin(ModelAdmin):
    list_display = ["name", "user", "country", "created_at"]
    list_filter = ["country"]
    search_fields = ["name", "slug", "user__email"]
    list_select_related = ["user"]
    readonly_fields = ["user", "slug", "created_at"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(Device)
class DeviceAdmin(ModelAdmin):
    list_display = ["name", "user", "thumbprint", "last_seen_at", "last_address", "removed_at"]
    list_filter = [("removed_at", admin.EmptyFieldListFilter)]
    search_fields = ["name", "user__email", "thumbprint"]
    list_select_related = ["user"]
    actions = ["remove"]
    fields = [
        "name",
        "user",
        "thumbprint",
        "registered_at",
        "last_seen_at",
        "last_address",
        "removed_at",
    ]
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # only a seeder can prove a key

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False  # a removed device is kept: licences name it

    @admin.action(description=_("Remove the selected devices"), permissions=["change"])
    def remove(self, request: HttpRequest, queryset: QuerySet[Device]) -> None:
        for device in queryset.select_related("user"):
            services.remove_device(user=device.user, device_id=device.pk, now=timezone.now())
