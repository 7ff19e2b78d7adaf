"""A seller's pages: what they have with the shop, and how it came to be."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.accounts.types import User
from marketplace.earnings import statement
from marketplace.earnings.balances import purses_of

__all__ = ["balance", "statement_file", "statement_page"]

PER_PAGE = 50
LATEST = 8


@login_required
@never_cache
@require_safe
def balance(request: HttpRequest) -> HttpResponse:
    """What the person is owed in each currency, with the last lines of each statement."""
    seller = _person(request)
    purses = [
        (purse, statement.lines_of(statement.postings_of(seller, purse.balance.currency)[:LATEST]))
        for purse in purses_of(seller, now=timezone.now())
    ]
    return render(request, "earnings/balance.html", {"purses": purses})


@login_required
@never_cache
@require_safe
def statement_page(request: HttpRequest) -> HttpResponse:
    """Every line of one currency, the newest first."""
    seller = _person(request)
    currency = statement.currency_of(seller, request.GET.get("currency", ""))
    postings = statement.postings_of(seller, currency)
    page = Paginator(postings, PER_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "lines": statement.lines_of(page.object_list),
        "currency": currency,
        "currencies": statement.currencies_of(seller),
    }
    return render(request, "earnings/statement.html", context)


@login_required
@never_cache
@require_safe
def statement_file(request: HttpRequest) -> HttpResponse:
    """The same lines, all of them, as a file for a spreadsheet."""
    seller = _person(request)
    currency = statement.currency_of(seller, request.GET.get("currency", ""))
    name = f"statement-{currency}-{timezone.now():%Y-%m-%d}.csv"
    return HttpResponse(
        statement.to_csv(seller, currency),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _person(request: HttpRequest) -> User:
    assert isinstance(request.user, User)
    return request.user
