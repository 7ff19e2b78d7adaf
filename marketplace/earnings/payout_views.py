"""Pages of a seller who wants to be paid: the country first, then Stripe or a bank."""

from __future__ import annotations

import logging
from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts import queries as accounts
from marketplace.accounts.forms import country_choices
from marketplace.accounts.types import User
from marketplace.checkout import services as checkout
from marketplace.core.errors import ConflictError
from marketplace.earnings.access import sellers_only
from marketplace.earnings.forms import BankForm, CountryForm
from marketplace.earnings.owed import owed_to
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import (
    BankDetailsError,
    PaymentRefusedError,
    PaymentsUnavailableError,
)

__all__ = ["at_stripe", "back_from_stripe", "bank", "get_paid"]

logger = logging.getLogger(__name__)

PER_PAGE = 20


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sellers_only
def get_paid(request: HttpRequest, seller: User) -> HttpResponse:
    """How the seller is paid, what is due when, and their payouts; or the choice of a country."""
    account = payment_queries.account_of(seller.pk)
    if account is not None and account.account_id is not None:
        return _page(request, seller)
    sells_from = accounts.seller_of(seller)
    form = CountryForm(
        request.POST if request.method == "POST" else None,
        initial={"country": sells_from.country if sells_from else "KR"},
    )
    if form.is_valid():
        return _begin(request, seller, form)
    return _page(request, seller, form=form, status=422 if form.is_bound else 200)


def _begin(request: HttpRequest, seller: User, form: CountryForm) -> HttpResponse:
    country: str = form.cleaned_data["country"]
    if not payment_queries.is_paid_by_stripe(country):
        return redirect(f"{reverse('earnings:bank')}?country={country}")
    try:
        payments.connect_seller(user=seller, country=country)
    except ConflictError as error:
        return _page(request, seller, form=form, alert=str(error), status=_status(error))
    return _to_stripe(request, seller)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sellers_only
def at_stripe(request: HttpRequest, seller: User) -> HttpResponse:
    """On to Stripe's form; Stripe itself sends back here where a link has been used up."""
    return _to_stripe(request, seller)


def _to_stripe(request: HttpRequest, seller: User) -> HttpResponse:
    account = payment_queries.account_of(seller.pk)
    if account is None or account.account_id is None:
        return redirect("earnings:get_paid")
    site = f"{request.scheme}://{request.get_host()}"
    try:
        url = payments.onboarding_url(
            account,
            refresh_url=site + reverse("earnings:at_stripe"),
            return_url=site + reverse("earnings:back_from_stripe"),
        )
    except ConflictError as error:
        return _page(request, seller, alert=str(error), status=_status(error))
    return redirect(url)


@never_cache
@require_safe
@sellers_only
def back_from_stripe(request: HttpRequest, seller: User) -> HttpResponse:
    """Where Stripe's form leads to: read what came of it. The webhook tells it, too."""
    account = payment_queries.account_of(seller.pk)
    if account is not None and account.account_id is not None:
        try:
            checkout.account_changed(account.account_id)
        except ConflictError as error:
            logger.warning("account %s could not be read: %s", account.account_id, error)
    return redirect("earnings:get_paid")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@sellers_only
def bank(request: HttpRequest, seller: User) -> HttpResponse:
    """Bank details, in a country that Stripe does not pay."""
    known = payment_queries.bank_details_of(seller.pk)
    country = request.GET.get("country", known.country if known else "")
    if country not in dict(country_choices()) or payment_queries.is_paid_by_stripe(country):
        return redirect("earnings:get_paid")
    initial = {"holder": known.holder, "bank": known.bank} if known else None
    form = BankForm(request.POST if request.method == "POST" else None, initial=initial)
    if form.is_valid():
        try:
            payments.save_bank_details(user=seller, country=country, **form.cleaned_data)
        except BankDetailsError as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, _("Saved. You are paid there from the next payout on."))
            return redirect("earnings:get_paid")
    context = {"form": form, "known": known, "country": country}
    return render(request, "earnings/bank.html", context, status=422 if form.is_bound else 200)


def _page(
    request: HttpRequest,
    seller: User,
    *,
    form: Form | None = None,
    alert: str = "",
    status: int = 200,
) -> HttpResponse:
    now = timezone.now()
    account = payment_queries.account_of(seller.pk)
    terms = checkout.payout_terms(seller, now=now)
    found = Paginator(payment_queries.payouts_of(seller.pk), PER_PAGE)
    context: dict[str, Any] = {
        "account": account if account and account.account_id else None,
        "details": payment_queries.bank_details_of(seller.pk),
        "form": form,
        "alert": alert,
        "terms": terms,
        "reserve_percent": terms.reserve_bps // 100,
        "owed": owed_to(seller, now=now),
        "page": found.get_page(request.GET.get("page")),
    }
    return render(request, "earnings/get_paid.html", context, status=status)


def _status(error: ConflictError) -> int:
    if isinstance(error, PaymentsUnavailableError):
        return 503
    return 409 if isinstance(error, PaymentRefusedError) else 422
