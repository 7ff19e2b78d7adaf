"""The page on which a buyer withdraws from a purchase."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from marketplace.accounts.queries import person
from marketplace.checkout.errors import WithdrawalNotPossibleError
from marketplace.checkout.withdrawing import (
    may_withdraw,
    withdraw_order,
    withdrawal_ends,
    withdrawn_with,
)
from marketplace.licensing.errors import WasOpenedError
from marketplace.orders import queries as orders
from marketplace.payments.errors import RefundRefusedError

__all__ = ["withdraw"]


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """Ask whether to withdraw; pressed, the purchase ends and the money goes back."""
    buyer, now = person(request), timezone.now()
    order = orders.order_of(buyer, order_id)
    if request.method == "POST":
        try:
            withdraw_order(order_id=order.pk, by=buyer, now=now)
        except (WithdrawalNotPossibleError, WasOpenedError, RefundRefusedError) as error:
            messages.warning(request, str(error))
        else:
            messages.success(request, _("You have withdrawn. Your money is on its way back."))
        return redirect("checkout:order", order.pk)
    if not may_withdraw(order, now=now):
        return redirect("checkout:order", order.pk)
    others = [part for part in withdrawn_with(order) if part.pk != order.pk]
    context = {"order": order, "others": others, "ends": withdrawal_ends(order)}
    return render(request, "checkout/withdraw.html", context)
