"""The pages of lending, giving and passing on."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from marketplace.accounts import services as accounts
from marketplace.accounts.queries import person
from marketplace.core.errors import ConflictError, InvalidError
from marketplace.handovers import queries, services
from marketplace.handovers.errors import HandoverClosedError, LoanTimeError
from marketplace.handovers.forms import OfferForm, RenewForm
from marketplace.handovers.models import Handover
from marketplace.licensing.types import Entitlement

__all__ = ["accept", "cancel", "decline", "give_back", "handover", "index", "offer", "renew"]

_State = Handover.State


@login_required
@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Everything that is offered, lent, borrowed or passed on."""
    shelves = queries.shelves_of(person(request))
    return render(request, "handovers/index.html", {"shelves": shelves})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def offer(request: HttpRequest, entitlement_id: uuid.UUID) -> HttpResponse:
    """Choose how, whom and for how long; what the seller forbids is not on the page.

    Devices let go without a further question, so whoever found an open session does not get here.
    """
    user = person(request)
    entitlement, choices = services.what_to_offer(user, entitlement_id)
    going_on = queries.open_handovers(user).get(entitlement_id)
    if going_on is not None:
        return redirect("handovers:handover", going_on.pk)
    if not accounts.logged_in_recently(request):
        return accounts.log_in_again(request, page=request.path, after_log_in=request.path)
    form = OfferForm(request.POST or None, choices=choices)
    status = 200 if request.method != "POST" else 422
    if request.method == "POST" and form.is_valid():
        try:
            made = services.offer_handover(
                giver=user,
                entitlement_id=entitlement_id,
                kind=form.cleaned_data["kind"],
                address=form.cleaned_data["address"],
                days=form.cleaned_data.get("days"),
                language=get_language() or "en",
                now=timezone.now(),
            )
        except LoanTimeError as error:
            form.add_error("days", str(error))
        except InvalidError as error:
            form.add_error("address", str(error))
        except ConflictError as error:
            form.add_error(None, str(error))
            status = 409
        else:
            messages.success(request, _("Offered. We have written to %s.") % made.address)
            return redirect("handovers:handover", made.pk)
    context = {
        "entitlement": entitlement,
        "choices": choices,
        "gift_is_over": queries.gift_is_over(entitlement),
        "form": form,
    }
    return render(request, "handovers/offer.html", context, status=status)


@login_required
@never_cache
@vary_on_headers("HX-Request")
@require_safe
def handover(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """How one stands; asked by htmx, the part that changes alone."""
    return _page(request, queries.handover_of(person(request), handover_id))


def _page(
    request: HttpRequest, shown: Handover, *, form: RenewForm | None = None, status: int = 200
) -> HttpResponse:
    user = person(request)
    mine = shown.giver_id == user.pk
    most = services.most_days(shown) if mine and shown.state == _State.LENT else 0
    context = {
        "handover": shown,
        "mine": mine,
        "listing": shown.entitlement.listing,
        "surrenders": queries.waiting_for(shown),
        "ended": _ended(shown),
        "form": form or (RenewForm(most_days=most) if most else None),
    }
    fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    template = "handovers/_state.html" if fragment else "handovers/handover.html"
    return render(request, template, context, status=status)


def _ended(shown: Handover) -> bool:
    """Whether a refund has ended what it is about, also once the worker has closed the loan."""
    state = shown.entitlement.state
    if shown.open:
        return state not in (Entitlement.State.ACTIVE, Entitlement.State.LENT)
    return shown.state == _State.RETURNED and state == Entitlement.State.REVOKED


@login_required
@never_cache
@require_POST
def accept(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """Take what is offered."""
    return _act(request, handover_id, services.accept_handover)


@login_required
@never_cache
@require_POST
def decline(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """Say no, thank you."""
    return _act(request, handover_id, services.decline_handover)


@login_required
@never_cache
@require_POST
def cancel(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """Take an offer back until it is complete."""
    return _act(request, handover_id, services.cancel_handover)


@login_required
@never_cache
@require_POST
def give_back(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """Give a loan back before its end."""
    return _act(request, handover_id, services.return_loan)


@login_required
@never_cache
@require_POST
def renew(request: HttpRequest, handover_id: uuid.UUID) -> HttpResponse:
    """Let a loan go on."""
    user = person(request)
    shown = queries.handover_of(user, handover_id)
    form = RenewForm(request.POST, most_days=services.most_days(shown))
    if not form.is_valid():
        return _page(request, shown, form=form, status=422)
    days = form.cleaned_data["days"]
    try:
        services.renew_loan(user=user, handover_id=handover_id, days=days, now=timezone.now())
    except LoanTimeError as error:
        form.add_error("days", str(error))
        return _page(request, shown, form=form, status=422)
    except HandoverClosedError as error:
        messages.error(request, str(error))
    return redirect("handovers:handover", handover_id)


def _act(
    request: HttpRequest, handover_id: uuid.UUID, act: Callable[..., Handover]
) -> HttpResponse:
    try:
        act(user=person(request), handover_id=handover_id, now=timezone.now())
    except ConflictError as error:
        messages.error(request, str(error))
    return redirect("handovers:handover", handover_id)
