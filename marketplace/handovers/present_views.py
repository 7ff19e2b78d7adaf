"""The pages of presents: the giver's, and the one that a mailed link leads to."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.core.errors import ConflictError, InvalidError
from marketplace.handovers import presents
from marketplace.handovers.errors import PresentClosedError
from marketplace.handovers.forms import AddressForm
from marketplace.handovers.present_models import Present

__all__ = ["address", "claim", "index", "keep", "present", "send"]


@login_required
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Everything one has bought for others."""
    given = presents.presents_from(person(request))
    return render(request, "handovers/presents.html", {"presents": given})


@login_required
@never_cache
@require_safe
def present(request: HttpRequest, present_id: uuid.UUID) -> HttpResponse:
    """How one stands, and what its giver can do about it."""
    return _page(request, presents.present_of(person(request), present_id))


@login_required
@never_cache
@require_POST
def send(request: HttpRequest, present_id: uuid.UUID) -> HttpResponse:
    """Mail the link once more."""
    return _act(request, present_id, presents.send_again, _("We have written to %s again."))


@login_required
@never_cache
@require_POST
def keep(request: HttpRequest, present_id: uuid.UUID) -> HttpResponse:
    """Keep it for oneself."""
    return _act(request, present_id, presents.keep_present, _("It is in your library now."))


@login_required
@never_cache
@require_POST
def address(request: HttpRequest, present_id: uuid.UUID) -> HttpResponse:
    """Send it to another address."""
    shown = presents.present_of(person(request), present_id)
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _page(request, shown, form=form, status=422)
    try:
        changed = presents.change_address(
            giver=person(request),
            present_id=present_id,
            address=form.cleaned_data["address"],
            now=timezone.now(),
        )
    except InvalidError as error:
        form.add_error("address", str(error))
        return _page(request, shown, form=form, status=422)
    except ConflictError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, _("We have written to %s.") % changed.address)
    return redirect("handovers:present", present_id)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def claim(request: HttpRequest, token: str) -> HttpResponse:
    """What a mailed link leads to. To look takes nothing: mail programs look, too."""
    try:
        return _claim(request, token)
    except PresentClosedError as error:  # it was sent elsewhere, perhaps in this moment
        context = {"detail": str(error)}
        return render(request, "handovers/present_elsewhere.html", context, status=409)


def _claim(request: HttpRequest, token: str) -> HttpResponse:
    found = presents.present_by_token(token)
    if request.method != "POST":
        return _claim_page(request, found, token)
    if not isinstance(request.user, User):
        return redirect("handovers:present_claim", token)
    try:
        presents.claim_present(user=request.user, token=token, now=timezone.now())
    except ConflictError as error:
        found = presents.present_by_token(token)
        return _claim_page(request, found, token, alert=str(error), status=409)
    messages.success(request, _("It is yours. Your seeder fetches it by itself."))
    return redirect("library:index")


def _act(
    request: HttpRequest, present_id: uuid.UUID, act: Callable[..., Present], done: str
) -> HttpResponse:
    try:
        changed = act(giver=person(request), present_id=present_id, now=timezone.now())
    except ConflictError as error:
        messages.error(request, str(error))
    else:
        messages.success(request, done % changed.address if "%s" in done else done)
    return redirect("handovers:present", present_id)


def _page(
    request: HttpRequest, shown: Present, *, form: AddressForm | None = None, status: int = 200
) -> HttpResponse:
    context = {
        "present": shown,
        "listing": shown.entitlement.listing,
        "form": form or AddressForm(initial={"address": shown.address}),
    }
    return render(request, "handovers/present.html", context, status=status)


def _claim_page(
    request: HttpRequest, found: Present, token: str, *, alert: str = "", status: int = 200
) -> HttpResponse:
    user_id = request.user.pk
    context = {
        "present": found,
        "listing": found.entitlement.listing,
        "token": token,
        "mine": user_id is not None and found.claimed_by_id == user_id,
        "from_me": user_id is not None and found.giver_id == user_id,
        "alert": alert,
    }
    return render(request, "handovers/present_claim.html", context, status=status)
