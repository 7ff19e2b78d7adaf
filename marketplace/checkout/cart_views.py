"""The cart's pages. Nobody has to be logged in to fill it, and everybody to pay."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from marketplace.catalog import queries as catalog
from marketplace.checkout import services
from marketplace.checkout.access import person
from marketplace.checkout.carting import on_its_way, wish_for
from marketplace.checkout.errors import StillProcessingError
from marketplace.checkout.session_cart import cart_of
from marketplace.core.errors import ConflictError, NotAllowedError
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["add", "agree", "badge", "cart", "pay", "remove"]


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
    fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    template = "checkout/_cart.html" if fragment else "checkout/cart.html"
    context = {"cart": cart_of(request).look(), "alert": alert}
    return render(request, template, context, status=status)


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
    wish = wish_for(listing, request.POST.get("seen", ""))
    try:
        cart_of(request).put(wish, now=timezone.now())
    except AlreadyOwnedError:
        return render(request, "checkout/owned.html", {"listing": listing}, status=409)
    except StillProcessingError:
        context = {"listing": listing, "on_its_way": on_its_way(person(request), listing_id)}
        return render(request, "checkout/owned.html", context, status=409)
    except ConflictError as error:
        return _page(request, alert=str(error), status=409)
    messages.success(request, _("“%s” is in your cart.") % listing.title)
    return redirect("checkout:cart")


@never_cache
@require_POST
def agree(request: HttpRequest) -> HttpResponse:
    """Agree to what has changed at one line."""
    if not cart_of(request).agree(_item_id(request), request.POST.get("seen", "")):
        alert = _("This has changed again, or is gone, since you opened the page. Look at it anew.")
        return _page(request, alert=alert, status=409)
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
@require_POST
def pay(request: HttpRequest) -> HttpResponse:
    """On to the hosted page for all lines of one currency, as the page showed them."""
    shown = dict(line.rpartition("=")[::2] for line in request.POST.getlist("line"))
    try:
        started = services.pay_cart(
            buyer=person(request),
            currency=request.POST.get("currency", ""),
            shown=shown,
            site=f"{request.scheme}://{request.get_host()}",
            language=get_language() or "en",
            now=timezone.now(),
        )
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _page(request, alert=str(error), status=503)
    except (ConflictError, NotAllowedError) as error:
        return _page(request, alert=str(error), status=409)
    return redirect(started.pay_url or "library:index")


def _item_id(request: HttpRequest) -> uuid.UUID:
    try:
        return uuid.UUID(request.POST.get("item", ""))
    except ValueError:
        raise BadRequest("no item of a cart") from None
