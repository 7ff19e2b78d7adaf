"""The page of a bundle: what is in it, what is taken off for its reader, and how to buy it."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import SoldOutError
from marketplace.catalog.types import Bundle, BundleOffer
from marketplace.checkout import services, sums
from marketplace.checkout.bundling import offer_to
from marketplace.checkout.errors import StillProcessingError, TermsChangedError, TooManyCodesError
from marketplace.checkout.quoting import seen_token
from marketplace.checkout.types import Wish
from marketplace.discounts.errors import CodeNotUsableError
from marketplace.orders.errors import AlreadyOwnedError, OwnListingError
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["bundle", "buy_bundle"]


@never_cache
@require_safe
def bundle(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """A bundle, to everybody; who is logged in sees what is taken off for them."""
    shown = catalog.bundle_for_view(bundle_id, request.user)
    return _page(request, shown)


@login_required
@never_cache
@require_POST
def buy_bundle(request: HttpRequest, bundle_id: uuid.UUID) -> HttpResponse:
    """On to the hosted page for all of the bundle that the buyer does not own."""
    buyer = person(request)
    shown = catalog.bundle_for_view(bundle_id, buyer)
    if shown.seller_id == buyer.pk:
        return _page(request, shown, status=409)
    seen = dict(zip(request.POST.getlist("listing"), request.POST.getlist("seen"), strict=False))
    offer = offer_to(buyer, shown, now=timezone.now())
    if not offer.bought:
        return _page(request, shown, status=409)
    extras = sums.extras_of(request.POST)
    if "apply" in request.POST:
        return redirect(reverse("checkout:bundle", args=[shown.pk]) + extras.query)
    try:
        if extras.code:
            sums.check_tries(buyer)
        started = services.start_checkout(
            buyer=buyer,
            wishes=_wishes(offer, seen),
            code=extras.code,
            use_credit=extras.use_credit,
            site=f"{request.scheme}://{request.get_host()}",
            language=get_language() or "en",
            now=timezone.now(),
        )
    except (CodeNotUsableError, TooManyCodesError):
        return _page(request, shown, status=409)  # the sum says why
    except (TermsChangedError, OwnListingError, AlreadyOwnedError, SoldOutError) as error:
        return _page(request, shown, alert=str(error), status=409)
    except StillProcessingError as error:
        return _page(request, shown, alert=str(error), status=409)
    except (PaymentsUnavailableError, PaymentRefusedError) as error:
        return _page(request, shown, alert=str(error), status=503)
    return redirect(started.pay_url or reverse("checkout:bill", args=[started.bill.pk]))


def _wishes(offer: BundleOffer, seen: dict[str, str] | None = None) -> list[Wish]:
    return [
        Wish(
            listing_id=line.listing.pk,
            seen=(seen or {}).get(str(line.listing.pk), ""),
            bundle_id=offer.bundle.pk,
        )
        for line in offer.bought
    ]


def _page(
    request: HttpRequest, shown: Bundle, *, alert: str = "", status: int = 200
) -> HttpResponse:
    now = timezone.now()
    reader = request.user if isinstance(request.user, User) else None
    if reader is None:
        offer = catalog.bundle_offer(shown, owned=(), now=now)
    else:
        offer = offer_to(reader, shown, now=now)
    is_own = shown.seller_id == request.user.pk
    tokens, total = {}, None
    if reader is not None and offer.bought and not is_own:
        extras = sums.extras_of(request.POST or request.GET)
        total = sums.sum_up(buyer=reader, wishes=_wishes(offer), extras=extras, now=now)
        tokens = {line.listing.pk: seen_token(line, now=now) for line in total.quote.lines}
    context = {
        "bundle": shown,
        "offer": offer,
        "rows": [(line, tokens.get(line.listing.pk, "")) for line in offer.lines],
        "is_own": is_own,
        "sum": total,
        "alert": alert,
    }
    return render(request, "checkout/bundle.html", context, status=status)
