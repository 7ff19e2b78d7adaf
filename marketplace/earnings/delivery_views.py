"""What was earned by delivering, for who delivers; and where the pools went, for who sells."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.accounts.types import User
from marketplace.rewards import queries as rewards

__all__ = ["deliveries_page", "pools_page"]

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def deliveries_page(request: HttpRequest) -> HttpResponse:
    """What the person earned by delivering, in one currency: what waits, and what is theirs."""
    assert isinstance(request.user, User)
    currencies = rewards.earned_currencies(request.user)
    currency = _chosen(request, currencies)
    given = rewards.given_to(request.user, currency)
    page = Paginator(given, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "currencies": currencies,
        "currency": currency,
        "waiting": rewards.waiting_for(request.user, currency),
        "waits": rewards.waiting_sums(request.user),
        "page": page,
        "given": rewards.earnings_of(page.object_list, currency),
    }
    return render(request, "earnings/deliveries.html", context)


@login_required
@never_cache
@require_safe
def pools_page(request: HttpRequest) -> HttpResponse:
    """What was set aside of the person's sales, in one currency, and where it went."""
    assert isinstance(request.user, User)
    currencies = rewards.pool_currencies(request.user)
    currency = _chosen(request, currencies)
    context = {
        "currencies": currencies,
        "currency": currency,
        "pools": rewards.pools_of(request.user, currency),
    }
    return render(request, "earnings/pools.html", context)


def _chosen(request: HttpRequest, currencies: list[str]) -> str:
    asked = request.GET.get("currency", "")
    if asked in currencies:
        return asked
    return currencies[0] if currencies else "KRW"
