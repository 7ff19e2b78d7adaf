"""The studio's pages of prices: what is left of one, sale periods, bundles."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.errors import PriceError, PricingError
from marketplace.catalog.forms import PriceFields, SaleForm
from marketplace.core import fees
from marketplace.core.money import Money
from marketplace.discounts import queries as discounts
from marketplace.publishing.access import seller_required

__all__ = ["Left", "end_sale", "left_of", "price_note", "sale"]


@dataclass(frozen=True, slots=True)
class Left:
    """What becomes of one price: what the shop keeps, the tax in it, what is set aside for
    delivery, what its seller gets."""

    price: Money
    fee: Money
    tax: Money
    pool: Money
    left: Money


def left_of(price: Money, *, pool_bps: int | None = None) -> Left:
    """How a sale at `price` is shared out. A free one is nothing to anybody."""
    left, fee = fees.left_for_seller(price), fees.platform_fee(price)
    tax = Money(price.minor - fee.minor - left.minor, price.currency)
    pool = fees.delivery_pool(price, fee=fee, bps=pool_bps)
    return Left(price, fee, tax, pool, Money(left.minor - pool.minor, price.currency))


@never_cache
@require_safe
@seller_required
def price_note(request: HttpRequest, seller: User) -> HttpResponse:
    """What is left of the prices that a form has now; asked for again as they are typed."""
    return render(request, "publishing/_price_note.html", {"note": note_of(request.GET)})


def note_of(data: object) -> dict[str, object]:
    """The note beside price fields: what is left of each amount, or what is wrong with it.

    Empty as long as there is no price to speak of.
    """
    form = PriceFields(data)
    form.is_valid()
    errors = [str(each) for name in ("price", "suggested") for each in form.errors.get(name, [])]
    if form.money is None or errors:
        return {"errors": errors if form.data.get("price") else []}
    terms = form.price_terms
    amounts = [form.money]
    if terms is not None and terms.suggested is not None and terms.suggested != form.money:
        amounts.append(terms.suggested)
    pool = None if terms is None or "pool" in form.errors else terms.pool_bps
    return {"rows": [left_of(amount, pool_bps=pool) for amount in amounts], "terms": terms}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@seller_required
def sale(request: HttpRequest, seller: User, listing_id: uuid.UUID) -> HttpResponse:
    """The sale periods of a listing, and the form for one more."""
    listing = catalog_queries.own_listing(listing_id, seller)
    now = timezone.now()
    planned = list(catalog_queries.sales_of(listing_id, now=now))
    zone = catalog_queries.sale_zone(seller) or discounts.zone_for(seller)
    form = SaleForm(request.POST or None, listing=listing, zone=zone)
    if request.method == "POST" and form.is_valid():
        try:
            catalog.plan_sale(listing_id=listing_id, seller=seller, wish=form.wish(), now=now)
        except PriceError as error:
            form.add_error("price", str(error))
        except PricingError as error:
            form.add_error(error.field, str(error))
        else:
            messages.success(request, _("The sale is planned."))
            return redirect("publishing:sale", listing_id)
    context = {"listing": listing, "planned": planned, "form": form, "now": now}
    status = 422 if request.method == "POST" else 200
    return render(request, "publishing/sale.html", context, status=status)


@require_POST
@seller_required
def end_sale(
    request: HttpRequest, seller: User, listing_id: uuid.UUID, sale_id: uuid.UUID
) -> HttpResponse:
    """Ask the regular price again, from now on."""
    ended = catalog.end_sale(
        sale_id=sale_id, listing_id=listing_id, seller=seller, now=timezone.now()
    )
    if ended:
        messages.success(request, _("The sale is over. A payment that is open keeps its price."))
    return redirect("publishing:sale", listing_id)
