"""The pages of a subscription: before it begins, how it stands, and its end."""

from __future__ import annotations

import logging
import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.catalog.queries import promises, withdrawal
from marketplace.catalog.types import Listing
from marketplace.checkout import subscribing
from marketplace.checkout.errors import AlreadySubscribedError, TermsChangedError
from marketplace.core.errors import MarketplaceError
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as orders
from marketplace.orders.errors import OwnListingError
from marketplace.orders.types import Order
from marketplace.packaging import queries as packaging
from marketplace.payments import queries as payments
from marketplace.payments.errors import (
    PaymentClosedError,
    PaymentRefusedError,
    PaymentsUnavailableError,
)

__all__ = ["cancel", "keep", "pay", "subscribe", "subscription", "subscriptions"]

logger = logging.getLogger(__name__)

ASK_STRIPE_EVERY = 2  # seconds, for one subscription, however many pages poll or are loaded anew


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def subscribe(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """What each period costs and gives; pressed, on to the hosted page."""
    buyer = person(request)
    listing = subscribing.listing_to_subscribe(listing_id, buyer)
    if request.method == "POST":
        return _start(request, buyer, listing)
    if "cancelled" in request.GET:
        messages.info(request, _("You came back without paying. Nothing was charged."))
    return _page(request, buyer, listing)


def _start(request: HttpRequest, buyer: User, listing: Listing) -> HttpResponse:
    try:
        started = subscribing.start_subscription(
            buyer=buyer,
            listing_id=listing.pk,
            seen=request.POST.get("seen", ""),
            site=f"{request.scheme}://{request.get_host()}",
            language=get_language() or "en",
            now=timezone.now(),
        )
    except AlreadySubscribedError as error:
        messages.info(request, str(error))
        return redirect("library:index" if error.order_id is None else "checkout:subscriptions")
    except (TermsChangedError, OwnListingError) as error:
        listing = subscribing.listing_to_subscribe(listing.pk, buyer)
        return _page(request, buyer, listing, alert=str(error), status=409)
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _page(request, buyer, listing, alert=str(error), status=503)
    return redirect(started.pay_url)


def _page(
    request: HttpRequest, buyer: User, listing: Listing, *, alert: str = "", status: int = 200
) -> HttpResponse:
    files = list(packaging.files(listing.package_id)) if listing.package_id else []
    order, begun = subscribing.standing_subscription(buyer, listing.pk) or (None, None)
    context = {
        "listing": listing,
        "order": order,
        "subscription": begun,
        "owned": licensing.owns(buyer, listing.pk),
        "files": files,
        "seen": subscribing.subscription_token(listing) if listing.package_id else "",
        "promises": promises(listing),
        "withdrawal": withdrawal(rental=True),
        "is_own": listing.seller_id == buyer.pk,
        "alert": alert,
    }
    return render(request, "checkout/subscribe.html", context, status=status)


@login_required
@never_cache
@require_safe
def subscriptions(request: HttpRequest) -> HttpResponse:
    """Everything that the person subscribes to, or once did, the newest first."""
    own = orders.subscription_orders_of(person(request))
    begun = payments.subscriptions_of_orders(order.pk for order in own)
    rows = [(order, begun[order.pk]) for order in own if order.pk in begun and order.paid_at]
    return render(request, "checkout/subscriptions.html", {"rows": rows})


@login_required
@never_cache
@require_safe
def subscription(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The page Stripe returns to, and how it stands; while it is pending, it asks again."""
    buyer = person(request)
    order, begun = subscribing.own_subscription(buyer, order_id)
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    if order.state == Order.State.PENDING:
        order = _settled(order)
        order, begun = subscribing.own_subscription(buyer, order_id)
    periods = [one for one in begun.invoices.all() if one.state != "draft"][::-1] if begun else []
    context = {
        "order": order,
        "subscription": begun,
        "periods": periods,
        "owed": payments.owed_invoice(begun.pk) if begun else None,
        "paid_until": payments.paid_until(begun.pk) if begun else None,
    }
    template = "checkout/_subscription.html" if is_fragment else "checkout/subscription.html"
    return render(request, template, context)


def _settled(order: Order) -> Order:
    """The order after a look at Stripe; where that fails, as it was: the webhook comes too."""
    if not cache.add(f"settle-order:{order.pk}", 1, ASK_STRIPE_EVERY):
        return order  # the page asks again by itself
    try:
        return subscribing.settle_order(order, now=timezone.now())
    except MarketplaceError as error:
        logger.warning("subscription %s could not be settled: %s", order.number, error)
        return order


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def cancel(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Ask whether it shall end; pressed, it ends with the period that is paid."""
    order, begun = subscribing.own_subscription(person(request), order_id)
    if request.method == "POST":
        sentence = _("It is cancelled: nothing more is charged.")
        return _wish(request, order_id, cancel=True, sentence=sentence)
    if begun is None or begun.state not in ("active", "past_due"):
        return redirect("checkout:subscription", order_id)
    context = {
        "order": order,
        "subscription": begun,
        "paid_until": payments.paid_until(begun.pk),
    }
    return render(request, "checkout/subscription_cancel.html", context)


@login_required
@require_POST
def keep(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """It goes on after all."""
    sentence = _("It goes on. You can cancel it at any time.")
    return _wish(request, order_id, cancel=False, sentence=sentence)


def _wish(
    request: HttpRequest, order_id: uuid.UUID, *, cancel: bool, sentence: str
) -> HttpResponse:
    try:
        subscribing.wish(
            buyer=person(request), order_id=order_id, cancel=cancel, now=timezone.now()
        )
    except PaymentClosedError as error:
        messages.warning(request, str(error))
    except PaymentsUnavailableError:
        messages.info(
            request,
            _(
                "Stripe does not answer right now. We have noted it, and tell them as soon as it does."
            ),
        )
    else:
        messages.success(request, sentence)
    return redirect("checkout:subscription", order_id)


@login_required
@require_POST
def pay(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """On to Stripe's page of the invoice that the card did not pay."""
    try:
        url = subscribing.pay_owed(buyer=person(request), order_id=order_id)
    except PaymentsUnavailableError as error:
        messages.warning(request, str(error))
        url = ""
    if not url:
        return redirect("checkout:subscription", order_id)
    return redirect(url)
