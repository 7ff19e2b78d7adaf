"""The pages of a purchase: before paying, after paying."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from dataclasses import replace

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotFoundError, SoldOutError
from marketplace.catalog.queries import promises, withdrawal
from marketplace.catalog.types import Listing
from marketplace.checkout import services, sums
from marketplace.checkout.carting import on_its_way
from marketplace.checkout.errors import SubscriptionOnlyError, TermsChangedError, TooManyCodesError
from marketplace.checkout.offering import offered_in
from marketplace.checkout.types import Wish
from marketplace.checkout.withdrawing import may_withdraw
from marketplace.core.errors import MarketplaceError
from marketplace.core.money import Money
from marketplace.discounts.errors import CodeNotUsableError
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as orders
from marketplace.orders.errors import AlreadyOwnedError, OwnListingError
from marketplace.orders.types import Order
from marketplace.packaging import queries as packaging
from marketplace.payments import queries as payments
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["bill", "buy", "order"]

logger = logging.getLogger(__name__)

ASK_STRIPE_EVERY = 2  # seconds, for one payment, however many pages poll or are loaded anew


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def buy(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """What you get, where it opens and what it costs; pressed, on to the hosted page."""
    buyer = person(request)
    if licensing.owns(buyer, listing_id):
        return _asks(request, listing_id)
    if request.method == "GET" and (begun := on_its_way(buyer, listing_id)):
        return _asks(request, listing_id, on_its_way=begun)
    if request.method == "POST":
        return _start(request, buyer, listing_id)
    try:
        listing = services.listing_to_buy(Wish(listing_id=listing_id), buyer)
    except SubscriptionOnlyError:
        return redirect("checkout:subscribe", listing_id)
    if "cancelled" in request.GET:
        messages.info(request, _("You came back without paying. Nothing was charged."))
    return _buy_page(request, buyer, listing)


def _start(request: HttpRequest, buyer: User, listing_id: uuid.UUID) -> HttpResponse:
    extras, now = sums.extras_of(request.POST), timezone.now()
    offered = offered_in(request.POST, catalog.listing_by_id(listing_id), now=now)
    if "apply" in request.POST:
        said = {"amount": offered.text} if offered.text else {}
        return redirect(request.path + extras.query_with(**said))
    if offered.error:
        return _refused(request, buyer, listing_id, status=422)  # the field says why
    try:
        if extras.code:
            sums.check_tries(buyer)
        seen = request.POST.get("seen", "")
        started = services.start_checkout(
            buyer=buyer,
            wishes=[Wish(listing_id=listing_id, seen=seen, offered=offered.money)],
            code=extras.code,
            use_credit=extras.use_credit,
            site=f"{request.scheme}://{request.get_host()}",
            language=get_language() or "en",
            now=now,
        )
    except AlreadyOwnedError:
        return _asks(request, listing_id)
    except (CodeNotUsableError, TooManyCodesError):
        return _refused(request, buyer, listing_id)  # the sum says why
    except (TermsChangedError, OwnListingError, SoldOutError) as error:
        return _refused(request, buyer, listing_id, alert=str(error))
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _refused(request, buyer, listing_id, alert=str(error), status=503)
    return redirect(started.pay_url or reverse("checkout:order", args=[started.order.pk]))


def _refused(
    request: HttpRequest,
    buyer: User,
    listing_id: uuid.UUID,
    *,
    alert: str = "",
    status: int = 409,
) -> HttpResponse:
    """The page before paying once more, with what stood in the way."""
    listing = services.listing_to_buy(Wish(listing_id=listing_id), buyer)
    return _buy_page(request, buyer, listing, alert=alert, status=status)


def _buy_page(
    request: HttpRequest, buyer: User, listing: Listing, *, alert: str = "", status: int = 200
) -> HttpResponse:
    files = list(packaging.files(listing.package_id)) if listing.package_id else []
    begun = orders.live_order(buyer, listing.pk)
    if begun is not None and begun.state != Order.State.PENDING:
        begun = None  # what it gave is over, so this is a purchase of its own
    is_own, now = listing.seller_id == buyer.pk, timezone.now()
    offered = offered_in(request.POST or request.GET, listing, now=now)
    context = {
        "listing": listing,
        "sale": catalog.current_sale(listing, now),
        "copies_left": catalog.copies_left(listing),
        "offered": offered,
        "files": files,
        "playable": [file for file in files if packaging.playable(file.media_type)],
        "others": [file for file in files if not packaging.playable(file.media_type)],
        "seen": services.terms_now(listing, now=now).token if listing.package_id else "",
        "promises": promises(listing),
        "withdrawal": withdrawal(rental=listing.is_leased),
        "begun": begun,
        "changed": begun and not is_own and _has_changed(begun, listing, now=now),
        "is_own": is_own,
        "alert": alert,
        "sum": sums.sum_up(
            buyer=buyer,
            wishes=[Wish(listing_id=listing.pk, offered=offered.money)],
            extras=sums.extras_of(request.POST or request.GET),
            now=now,
        ),
    }
    return render(request, "checkout/buy.html", context, status=status)


def _has_changed(begun: Order, listing: Listing, *, now: dt.datetime) -> bool:
    """Whether the seller offers something else than when the order was made."""
    before, terms = orders.terms_of(begun), services.terms_now(listing, now=now)
    if listing.is_open and before.price.currency == terms.price.currency:
        terms = replace(terms, price=before.price)  # the buyer chose it, and may choose again
    return before != terms


def _asks(
    request: HttpRequest, listing_id: uuid.UUID, *, on_its_way: Order | None = None
) -> HttpResponse:
    """What is owned, or paid for already, is not bought again unasked: perhaps as a present."""
    try:
        listing = catalog.listing_for_view(listing_id, request.user)
    except ListingNotFoundError:
        messages.info(request, _("You own this already. It is in your library."))
        return redirect(settings.LOGIN_REDIRECT_URL)  # the library
    context = {"listing": listing, "on_its_way": on_its_way}
    status = 409 if request.method == "POST" else 200
    return render(request, "checkout/owned.html", context, status=status)


@login_required
@never_cache
@require_safe
def order(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The page Stripe returns to, and the receipt; while it is pending, it asks again."""
    shown = orders.order_of(person(request), order_id)
    if shown.kind == Order.Kind.SUBSCRIPTION and shown.state == Order.State.PENDING:
        return redirect("checkout:subscription", order_id)
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    if shown.state in (Order.State.PENDING, Order.State.EXPIRED):
        shown = _settled(shown)
    context = {
        "order": shown,
        "outcome": payments.outcome_for(order_id, shown.bill_id),
        "dispute": payments.bills_in_dispute([shown.bill_id]).get(shown.bill_id),
        "may_withdraw": may_withdraw(shown, now=timezone.now()),
        "library_url": settings.LOGIN_REDIRECT_URL,
    }
    template = "checkout/_order.html" if is_fragment else "checkout/order.html"
    return render(request, template, context)


@login_required
@never_cache
@require_safe
def bill(request: HttpRequest, bill_id: uuid.UUID) -> HttpResponse:
    """The page Stripe returns to when several things were paid at once, and their receipt."""
    shown = orders.bill_of(person(request), bill_id)
    begun = list(shown.orders.all())
    if len(begun) == 1:
        return redirect("checkout:order", begun[0].pk)
    is_fragment = bool(request.htmx)  # type: ignore[attr-defined]  # set by django_htmx
    if any(order.state in (Order.State.PENDING, Order.State.EXPIRED) for order in begun):
        _settled(begun[0])
        shown = orders.bill_of(person(request), bill_id)
    context = {
        "bill": shown,
        "orders": list(shown.orders.all()),
        "discount": Money(sum(o.discount_minor for o in shown.orders.all()), shown.currency),
        "credit": Money(sum(o.credit_minor for o in shown.orders.all()), shown.currency),
        "outcome": payments.outcome_of(bill_id),
        "library_url": settings.LOGIN_REDIRECT_URL,
    }
    template = "checkout/_bill.html" if is_fragment else "checkout/bill.html"
    return render(request, template, context)


def _settled(shown: Order) -> Order:
    """The order after a look at Stripe; where that fails, as it was: the webhook comes too."""
    if not cache.add(f"settle-bill:{shown.bill_id}", 1, ASK_STRIPE_EVERY):
        return shown  # the page asks again by itself
    try:
        return services.settle_order(order_id=shown.pk, now=timezone.now())
    except MarketplaceError as error:
        logger.warning("order %s could not be settled: %s", shown.number, error)
        return shown
