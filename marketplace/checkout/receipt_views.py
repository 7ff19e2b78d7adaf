"""Receipts to keep: PDF files beside the pages of orders and bills."""

from __future__ import annotations

import uuid

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from marketplace.accounts.queries import person
from marketplace.checkout.receipt_pdf import receipt_pdf
from marketplace.checkout.receipts import Receipt, receipt_of_bill, receipt_of_order

__all__ = ["bill_receipt", "order_receipt"]


@login_required
@never_cache
@require_safe
def order_receipt(request: HttpRequest, order_id: uuid.UUID) -> HttpResponse:
    """The receipt of one order of one's own."""
    return _file(receipt_of_order(person(request), order_id))


@login_required
@never_cache
@require_safe
def bill_receipt(request: HttpRequest, bill_id: uuid.UUID) -> HttpResponse:
    """The receipt of all that was paid at once."""
    return _file(receipt_of_bill(person(request), bill_id))


def _file(receipt: Receipt) -> HttpResponse:
    answer = HttpResponse(receipt_pdf(receipt), content_type="application/pdf")
    answer["Content-Disposition"] = f'inline; filename="{receipt.number}.pdf"'
    return answer
