"""A buyer's page of shop credit."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.accounts.types import User
from marketplace.earnings import credit
from marketplace.rewards import queries as rewards

__all__ = ["credit_page"]

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def credit_page(request: HttpRequest) -> HttpResponse:
    """What credit the person has, and every line of one currency, the newest first."""
    assert isinstance(request.user, User)
    currency = credit.currency_of(request.user, request.GET.get("currency", ""))
    postings = credit.postings_of(request.user, currency)
    page = Paginator(postings, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "balances": credit.balances_of(request.user),
        "currency": currency,
        "waits": rewards.waiting_sums(request.user),
        "page": page,
        "lines": credit.lines_of(page.object_list),
    }
    return render(request, "earnings/credit.html", context)
