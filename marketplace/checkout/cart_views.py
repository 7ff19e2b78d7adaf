"""The cart's pages. Nobody has to be logged in to fill it, and everybody to pay."""

from __future__ import annotations

import datetime as dt
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.checkout import services
from marketplace.checkout.carting import CartPayment, on_its_way, wish_for
from marketplace.checkout.errors import (
    StillProcessingError,
    SubscriptionOnlyError,
    TooManyCodesError,
)
from marketplace.checkout.session_cart import cart_of
from marketplace.checkout.sums import Extras, Sum, check_tries, extras_of, sum_up
from marketplace.core.errors import ConflictError, InvalidError
from marketplace.discounts.errors import CodeNotUsableError
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["add", "agree", "badge", "cart", "offer", "pay", "remove"]


@never_cache
@vary_on_headers("HX-Request")
@require_safe
def cart(request: HttpRequest) -> HttpResponse:
    """Everything in the cart and how it stands; asked by htmx, the part that changes alone."""
    if "cancelled" in request.GET:
        messages.info(request, _("You came back without paying. Nothing was charged."))
        return redirect("checkout:cart")
    return _page(request)


def _page(request: HttpRequest, *, alert: str = "", status: int = 200) -> HttpResponse:
    said = request.POST if request.method == "POST" else request.GET
    extras, currency = extras_of(said), said.get("currency", "")
    view, now = cart_of(request).look(now=timezone.now()), timezone.now()
    buyer = request.user if isinstance(request.user, User) else None
    rows = [
        (p, _sum(p, buyer, extras if p.currency == currency else Extras(), now=now))
        for p in view.payments
    ]
    fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    context = {"rows": rows, "alert": alert, "here": _address(extras, currency)}
    template = "checkout/_cart.html" if fragment else "checkout/cart.html"
    return render(request, template, context, status=status)


def _sum(
    payment: CartPayment, buyer: User | None, extras: Extras, *, now: dt.datetime
) -> Sum | None:
    """What a payment comes to; None where it cannot be paid as it stands."""
    if buyer is None or not payment.ready:
        return None
    wishes = [line.wish for line in payment.lines]
    return sum_up(buyer=buyer, wishes=wishes, extras=extras, now=now)


def _address(extras: Extras, currency: str) -> str:
    """The cart's address with what was said of the payment in one currency."""
    here = reverse("checkout:cart")
    return here + extras.query_with(currency=currency) if extras.query else here


@never_cache
@require_safe
def badge(request: HttpRequest) -> HttpResponse:
    """The link to the cart with its count, for pages that are open already."""
    return render(request, "checkout/_cart_link.html")


@never_cache
@require_POST
def add(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """Put a listing into the cart; what is owned or on its way already asks first."""
    listing = catalog.listing_for_view(listing_id, request.user)
    try:
        wish = wish_for(listing, request.POST.get("seen", ""), now=timezone.now())
        cart_of(request).put(wish, now=timezone.now())
    except AlreadyOwnedError:
        return render(request, "checkout/owned.html", {"listing": listing}, status=409)
    except StillProcessingError:
        context = {"listing": listing, "on_its_way": on_its_way(person(request), listing_id)}
        return render(request, "checkout/owned.html", context, status=409)
    except SubscriptionOnlyError:
        return redirect("checkout:subscribe", listing_id)
    except ConflictError as error:
        return _page(request, alert=str(error), status=409)
    messages.success(request, _("“%s” is in your cart.") % listing.title)
    return redirect("checkout:cart")


@never_cache
@require_POST
def agree(request: HttpRequest) -> HttpResponse:
    """Agree to what has changed at one line."""
    seen = request.POST.get("seen", "")
    if not cart_of(request).agree(_item_id(request), seen, now=timezone.now()):
        alert = _("This has changed again, or is gone, since you opened the page. Look at it anew.")
        return _page(request, alert=alert, status=409)
    return redirect("checkout:cart")


@never_cache
@require_POST
def offer(request: HttpRequest) -> HttpResponse:
    """Choose what to pay at one line, where the price is the buyer's to choose."""
    try:
        cart_of(request).offer(
            _item_id(request), request.POST.get("amount", ""), now=timezone.now()
        )
    except InvalidError as error:
        return _page(request, alert=str(error), status=422)
    return redirect("checkout:cart")


@never_cache
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Take one thing out. Once more changes nothing."""
    if cart_of(request).take(_item_id(request)):
        messages.info(request, _("Taken out of your cart."))
    return redirect("checkout:cart")


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest) -> HttpResponse:
    """On to the hosted page for all lines of one currency, as the page showed them."""
    if request.method != "POST":
        return redirect("checkout:cart")  # after a log-in that had run out meanwhile
    shown = dict(line.rpartition("=")[::2] for line in request.POST.getlist("line"))
    extras, currency = extras_of(request.POST), request.POST.get("currency", "")
    if "apply" in request.POST:
        return redirect(_address(extras, currency))
    try:
        if extras.code:
            check_tries(person(request))
        started = services.pay_cart(
            buyer=person(request),
            currency=currency,
            shown=shown,
            extras=extras,
            site=f"{request.scheme}://{request.get_host()}",
            language=get_language() or "en",
            now=timezone.now(),
        )
    except (CodeNotUsableError, TooManyCodesError):
        return _page(request, status=409)  # the sum says why
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _page(request, alert=str(error), status=503)
    except (ConflictError, InvalidError) as error:
        return _page(request, alert=str(error), status=409)
    return redirect(started.pay_url or reverse("checkout:bill", args=[started.bill.pk]))


def _item_id(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("item", ""))
    except ValueError:
        raise BadRequest("no item of a cart") from None
