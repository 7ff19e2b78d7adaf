"""The account's page of its recovery key. The key itself is made by the seeder, never here."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts.types import User
from marketplace.continuity import queries, services

__all__ = ["recovery", "remove"]


@login_required
@never_cache
@require_safe
def recovery(request: HttpRequest) -> HttpResponse:
    """What happens when the shop ends, and whether this account has a recovery key."""
    assert isinstance(request.user, User)
    context = {
        "key": queries.recovery_key_of(request.user),
        "kept": queries.kept_for_good(request.user),
    }
    return render(request, "continuity/recovery.html", context)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def remove(request: HttpRequest) -> HttpResponse:
    """Ask, then forget the recovery key: its paper is lost, or somebody has seen it."""
    assert isinstance(request.user, User)
    if request.method != "POST":
        if queries.recovery_key_of(request.user) is None:
            return redirect("continuity:recovery")
        return render(request, "continuity/remove.html")
    services.forget_recovery_key(user=request.user, now=timezone.now())
    messages.success(request, _("The recovery key is removed. Make a new one with the program."))
    return redirect("continuity:recovery")
