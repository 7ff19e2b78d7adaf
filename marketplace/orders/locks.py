"""The one place where bills and orders are locked, by their primary keys.

Whoever locks several of them locks the bill first, then its orders, then a payment.
"""

from __future__ import annotations

import uuid

from marketplace.orders.errors import OrderNotFoundError
from marketplace.orders.models import Bill, Order

__all__ = ["lock_bill", "lock_order"]


def lock_bill(bill_id: uuid.UUID) -> list[Order]:
    """Hold a bill and its orders until the running transaction ends. Raises OrderNotFoundError."""
    if not Bill.objects.select_for_update().filter(pk=bill_id).exists():
        raise OrderNotFoundError(str(bill_id))
    rows = Order.objects.select_for_update(of=("self",)).select_related("buyer")
    return list(rows.filter(bill_id=bill_id).order_by("pk"))


def lock_order(order_id: uuid.UUID) -> Order:
    """Hold the order's row until the running transaction ends. Raises OrderNotFoundError."""
    try:
        return (
            Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
        )
    except Order.DoesNotExist:
        raise OrderNotFoundError(str(order_id)) from None
