"""The pages of a seller, and of the operator: what was sold, and giving money back."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from marketplace.accounts.queries import person
from marketplace.accounts.types import User
from marketplace.checkout import services
from marketplace.checkout.errors import RefundNotPossibleError
from marketplace.checkout.forms import RefundForm
from marketplace.core.money import Money
from marketplace.orders import queries as orders
from marketplace.orders.types import Order
from marketplace.payments import queries as payments
from marketplace.payments.errors import PaymentRefusedError, PaymentsUnavailableError

__all__ = ["refund", "sales"]

PER_PAGE = 50


@login_required
@never_cache
@require_safe
def sales(request: HttpRequest) -> HttpResponse:
    """What the person has sold, the newest first."""
    page = Paginator(orders.sales_of(person(request)), PER_PAGE).get_page(request.GET.get("page"))
    outcomes = payments.outcomes_for((order.pk, order.bill_id) for order in page.object_list)
    disputes = payments.bills_in_dispute(order.bill_id for order in page.object_list)
    rows = [
        (order, outcomes.get(order.pk), disputes.get(order.bill_id)) for order in page.object_list
    ]
    return render(request, "checkout/sales.html", {"page": page, "rows": rows})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refund(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Ask whether to give the money back, all or a part; pressed, give it."""
    by = person(request)
    alert, status = "", 200
    try:
        order = services.order_to_refund(order_id, by)
        left = Money(order.price_minor - order.refunded_minor, order.currency)
        form = RefundForm(request.POST if request.method == "POST" else None, left=left)
        if form.is_valid():
            try:
                return _refund(request, order, by, form)
            except (PaymentRefusedError, RefundNotPossibleError) as error:
                alert, status = str(error), 409
            except PaymentsUnavailableError as error:
                alert, status = str(error), 503
            order = services.order_to_refund(order_id, by)
    except RefundNotPossibleError as error:
        messages.warning(request, str(error))
        return redirect("checkout:sales")
    outcome = payments.outcome_for(order_id, order.bill_id)
    context = {"order": order, "outcome": outcome, "form": form, "left": left, "alert": alert}
    return render(request, "checkout/refund.html", context, status=status)


def _refund(request: HttpRequest, order: Order, by: User, form: RefundForm) -> HttpResponse:
    typed = form.cleaned_data
    order = services.refund_order(
        order_id=order.pk,
        by=by,
        reason=typed["reason"],
        amount=typed["amount"],
        key=typed["key"],
        now=timezone.now(),
    )
    messages.success(request, _sentence(order, part=typed["amount"]))
    return redirect("checkout:sales")


def _sentence(order: Order, *, part: Money | None) -> str:
    if part is not None and order.state != Order.State.REFUNDED:
        return _("%(amount)s of %(number)s goes back to the buyer, who keeps what they bought.") % {
            "number": order.number,
            "amount": part.localised(),
        }
    if order.state == Order.State.REFUNDED:
        text = _("%(number)s is refunded: %(amount)s went back, and the buyer's access has ended.")
    else:
        text = _(
            "The refund of %(number)s is on its way: %(amount)s. Access ends when Stripe confirms"
            " it; until then the order counts as paid."
        )
    return text % {"number": order.number, "amount": order.price}
