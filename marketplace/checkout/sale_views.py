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

from marketplace.checkout import services
from marketplace.checkout.access import person
from marketplace.checkout.errors import RefundNotPossibleError
from marketplace.checkout.forms import RefundForm
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
    rows = [(order, outcomes.get(order.pk)) for order in page.object_list]
    return render(request, "checkout/sales.html", {"page": page, "rows": rows})


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def refund(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Ask whether to give the money back; pressed, give it."""
    by = person(request)
    form = RefundForm(request.POST if request.method == "POST" else None)
    alert, status = "", 200
    if form.is_valid():
        try:
            order = services.refund_order(
                order_id=order_id, by=by, reason=form.cleaned_data["reason"], now=timezone.now()
            )
        except RefundNotPossibleError as error:
            messages.warning(request, str(error))
            return redirect("checkout:sales")
        except PaymentRefusedError as error:
            alert, status = str(error), 409
        except PaymentsUnavailableError as error:
            alert, status = str(error), 503
        else:
            messages.success(request, _sentence(order))
            return redirect("checkout:sales")
    try:
        order = services.order_to_refund(order_id, by)
    except RefundNotPossibleError as error:
        messages.warning(request, str(error))
        return redirect("checkout:sales")
    context = {
        "order": order,
        "outcome": payments.outcome_for(order_id, order.bill_id),
        "form": form,
    }
    return render(request, "checkout/refund.html", context | {"alert": alert}, status=status)


def _sentence(order: Order) -> str:
    if order.state == Order.State.REFUNDED:
        text = _("%(number)s is refunded: %(amount)s went back, and the buyer's access has ended.")
    else:
        text = _(
            "The refund of %(number)s is on its way: %(amount)s. Access ends when Stripe confirms"
            " it; until then the order counts as paid."
        )
    return text % {"number": order.number, "amount": order.price}
