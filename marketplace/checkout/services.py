"""What people and events do at the checkout; each function reads from top to bottom."""

from __future__ import annotations

from marketplace.checkout.refunding import order_to_refund, refund_order
from marketplace.checkout.settling import handle_event, reconcile, settle_order
from marketplace.checkout.starting import listing_to_buy, start_checkout

__all__ = [
    "handle_event",
    "listing_to_buy",
    "order_to_refund",
    "reconcile",
    "refund_order",
    "settle_order",
    "start_checkout",
]
