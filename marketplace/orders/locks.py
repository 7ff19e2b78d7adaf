"""The one place where orders are locked: one row at a time, by its primary key.

Whoever locks an order and a payment locks the order first (the parent).
"""

from __future__ import annotations

import uuid

from marketplace.orders.errors import OrderNotFoundError
from marketplace.orders.models import Order

__all__ = ["lock_order"]


def lock_order(order_id: uuid.UUID) -> Order:
    """Hold the order's row until the running transaction ends. Raises OrderNotFoundError."""
    try:
        return (
            Order.objects.select_for_update(of=("self",)).select_related("buyer").get(pk=order_id)
        )
    except Order.DoesNotExist:
        raise OrderNotFoundError(str(order_id)) from None
