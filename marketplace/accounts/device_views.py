"""The page at which a person lets a device in (RFC 8628, section 3.3).

First the code is typed; then the page shows what asks to be let in, to a person who has
just logged in, and takes a decision. Nothing about the grant stands in an address.
"""

from __future__ import annotations

import uuid

from allauth.core import ratelimit
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts import queries, services
from marketplace.accounts.errors import CodeUsedError, NoRoomError, UnknownCodeError
from marketplace.accounts.forms import UserCodeForm
from marketplace.accounts.fresh import log_in_again, logged_in_recently
from marketplace.accounts.models import DeviceGrant, User

__all__ = ["approve", "device", "done"]

_GRANT = "accounts_device_grant"
_OUTCOME = "accounts_device_outcome"


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Type the code. One in the address is dropped, and the address with it."""
    if request.method != "POST" and request.GET:
        return redirect("accounts:device")
    form = UserCodeForm(request.POST or None)
    status = 200
    if request.method == "POST":
        status = 422
        if not ratelimit.consume(request, action="device_user_code"):
            form.add_error("user_code", _("Too many codes. Wait five minutes and try again."))
            status = 429
        elif form.is_valid():
            try:
                grant = services.find_grant(
                    user_code=form.cleaned_data["user_code"], now=timezone.now()
                )
            except UnknownCodeError as error:
                form.add_error("user_code", str(error))
            else:
                request.session[_GRANT] = grant.pk.hex
                return redirect("accounts:device_approve")
    return render(request, "accounts/device.html", {"form": form}, status=status)


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def approve(request: HttpRequest) -> HttpResponse:
    """Show what asks to be let in, and take the decision of someone who has just logged in."""
    if not logged_in_recently(request):
        return log_in_again(
            request,
            page=resolve_url("accounts:device_approve"),
            after_log_in=resolve_url("accounts:device"),
        )
    now = timezone.now()
    try:
        grant = queries.grant_waiting(uuid.UUID(request.session.get(_GRANT, "")), now=now)
    except (ValueError, UnknownCodeError):
        return redirect("accounts:device")
    assert isinstance(request.user, User)
    if request.method == "POST":
        # The page names the grant it showed: another tab may have typed another code since.
        approved = request.POST.get("decision") == "approve"
        if request.POST.get("grant") != str(grant.pk):
            return redirect("accounts:device_approve")
        try:
            services.decide_device_login(
                grant_id=grant.pk,
                user=request.user,
                approve=approved,
                now=now,
                language=get_language() or "en",
            )
        except NoRoomError as error:
            return _show_grant(request, grant, refusal=str(error), status=409)
        except CodeUsedError:
            return redirect("accounts:device")
        del request.session[_GRANT]
        request.session[_OUTCOME] = {"approved": approved, "name": grant.device_name}
        return redirect("accounts:device_done")
    try:
        services.require_room(user=request.user, thumbprint=grant.thumbprint, now=now)
    except NoRoomError as error:
        return _show_grant(request, grant, refusal=str(error))
    return _show_grant(request, grant)


def _show_grant(
    request: HttpRequest, grant: DeviceGrant, *, refusal: str = "", status: int = 200
) -> HttpResponse:
    """What asks to be let in; where there is no room, why, and what could be removed."""
    assert isinstance(request.user, User)
    context = {
        "grant": grant,
        "same_address": grant.address == services.client_address(request),
        "refusal": refusal,
        "devices": queries.active_devices(request.user) if refusal else (),
    }
    return render(request, "accounts/device_approve.html", context, status=status)


@login_required
@never_cache
@require_safe
def done(request: HttpRequest) -> HttpResponse:
    outcome = request.session.get(_OUTCOME)
    if outcome is None:
        return redirect("accounts:devices")
    return render(request, "accounts/device_done.html", {"outcome": outcome})
