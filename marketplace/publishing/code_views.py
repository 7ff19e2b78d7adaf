"""The studio's pages of discount codes."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.discounts import queries
from marketplace.discounts import services as discounts
from marketplace.discounts.errors import CodeTakenError
from marketplace.discounts.forms import CodeForm
from marketplace.publishing.access import seller_required

__all__ = ["codes", "end_code", "new_code"]


@never_cache
@require_safe
@seller_required
def codes(request: HttpRequest, seller: User) -> HttpResponse:
    """The seller's codes, with how often each was used."""
    now = timezone.now()
    rows = [(code, code.state(now)) for code in queries.codes_of(seller)]
    return render(request, "publishing/codes.html", {"rows": rows})


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def new_code(request: HttpRequest, seller: User) -> HttpResponse:
    """Describe a code; saved, it works at once or from its time on."""
    now = timezone.now()
    zone = queries.zone_for(seller)
    form = CodeForm(request.POST or None, seller=seller, now=now, zone=zone)
    if request.method == "POST" and form.is_valid():
        try:
            code = discounts.create_code(seller=seller, terms=form.terms(), now=now)
        except CodeTakenError as error:
            form.add_error("text", str(error))
        else:
            messages.success(request, _("The code “%s” is ready to be given out.") % code.shown)
            return redirect("publishing:codes")
    status = 422 if request.method == "POST" else 200
    return render(request, "publishing/code.html", {"form": form}, status=status)


@require_POST
@seller_required
def end_code(request: HttpRequest, seller: User, code_id: uuid.UUID) -> HttpResponse:
    """Switch a code off for good."""
    code = discounts.end_code(code_id=code_id, seller=seller, now=timezone.now())
    messages.success(
        request,
        _("The code “%s” has ended. A payment that is open keeps its price.") % code.shown,
    )
    return redirect("publishing:codes")
