"""Buying something for somebody else, at whatever address they read their mail."""

from __future__ import annotations

import uuid
from dataclasses import replace

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.accounts.queries import person
from marketplace.catalog import queries as catalog
from marketplace.catalog.queries import promises_to_another, withdrawal
from marketplace.catalog.types import Listing
from marketplace.checkout import services, sums
from marketplace.checkout.carting import wish_for
from marketplace.checkout.errors import TooManyCodesError
from marketplace.checkout.gift_forms import GiftForm
from marketplace.checkout.offering import Offered, offered_in
from marketplace.checkout.session_cart import cart_of
from marketplace.checkout.types import Wish
from marketplace.core.errors import ConflictError
from marketplace.discounts.errors import CodeNotUsableError
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["gift"]


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def gift(request: HttpRequest, listing_id: uuid.UUID) -> HttpResponse:
    """Say whom it is for; then pay at once, or put it into the cart."""
    listing = catalog.listing_for_view(listing_id, request.user)
    if listing.seller_id == person(request).pk or listing.package_id is None:
        messages.info(request, _("This is your own listing, so there is nothing to buy."))
        return redirect("catalog:listing", listing_id)
    if listing.is_subscription:
        messages.info(request, _("A subscription cannot be a present: it goes on and on."))
        return redirect("catalog:listing", listing_id)
    if "cancelled" in request.GET:
        messages.info(request, _("You came back without paying. Nothing was charged."))
    if request.method != "POST" or "apply" in request.POST:
        form = GiftForm(giver=person(request), initial=request.POST.dict())
        return _page(request, listing, form)
    form = GiftForm(request.POST, giver=person(request))
    offered = offered_in(request.POST, listing, now=timezone.now())
    if not form.is_valid() or offered.error:
        return _page(request, listing, form, status=422)
    try:
        return (
            _into_cart(request, listing, form, offered)
            if "cart" in request.POST
            else _start(request, listing, form, offered)
        )
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _page(request, listing, form, alert=str(error), status=503)
    except (CodeNotUsableError, TooManyCodesError):
        return _page(request, listing, form, status=409)  # the sum says why
    except ConflictError as error:
        return _page(request, listing, form, alert=str(error), status=409)


def _into_cart(
    request: HttpRequest, listing: Listing, form: GiftForm, offered: Offered
) -> HttpResponse:
    wish = wish_for(
        listing,
        request.POST.get("seen", ""),
        to=form.cleaned_data["address"],
        message=form.cleaned_data["message"],
        now=timezone.now(),
    )
    cart_of(request).put(replace(wish, offered=offered.money), now=timezone.now())
    messages.success(request, _("“%s” is in your cart.") % listing.title)
    return redirect("checkout:cart")


def _start(
    request: HttpRequest, listing: Listing, form: GiftForm, offered: Offered
) -> HttpResponse:
    wish = Wish(
        listing_id=listing.pk,
        seen=request.POST.get("seen", ""),
        offered=offered.money,
        recipient_email=form.cleaned_data["address"],
        message=form.cleaned_data["message"],
    )
    extras = sums.extras_of(request.POST)
    if extras.code:
        sums.check_tries(person(request))
    started = services.start_checkout(
        buyer=person(request),
        wishes=[wish],
        code=extras.code,
        use_credit=extras.use_credit,
        site=f"{request.scheme}://{request.get_host()}",
        language=get_language() or "en",
        now=timezone.now(),
    )
    return redirect(started.pay_url or "handovers:presents")


def _page(
    request: HttpRequest, listing: Listing, form: GiftForm, *, alert: str = "", status: int = 200
) -> HttpResponse:
    offered = offered_in(request.POST or request.GET, listing, now=timezone.now())
    context = {
        "listing": listing,
        "offered": offered,
        "form": form,
        "seen": services.terms_now(listing, now=timezone.now()).token,
        "promises": promises_to_another(listing),
        "withdrawal": withdrawal(rental=listing.is_rental),
        "alert": alert,
        "sum": sums.sum_up(
            buyer=person(request),
            # Before it is known whom it is for, no bill of theirs is gone on with.
            wishes=[
                Wish(
                    listing_id=listing.pk,
                    offered=offered.money,
                    recipient_email=request.POST.get("address") or "?",
                )
            ],
            extras=sums.extras_of(request.POST or request.GET),
            now=timezone.now(),
        ),
    }
    return render(request, "checkout/gift.html", context, status=status)
