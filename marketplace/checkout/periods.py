"""What the paid periods of a subscription give and take: called where an order is paid or refunded."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from functools import partial

from django.db import transaction

from marketplace.core.errors import MarketplaceError
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.types import SubscriptionWish

__all__ = ["deliver", "stop", "take_back"]

logger = logging.getLogger(__name__)


def deliver(order: Order, *, now: dt.datetime) -> Entitlement:
    """A period was paid: let its buyer open what they subscribe to until it ends."""
    invoice = payment_queries.invoice_of_order(order.pk)
    assert invoice is not None, "an order of a subscription is paid by its invoice alone"
    earlier = payment_queries.orders_of_subscription(invoice.subscription_id)
    return licensing.subscribe(
        user=order.buyer,
        listing_id=order.listing_id,
        package_id=order.package_id,
        orders=[*(paid for paid in earlier if paid != order.pk), order.pk],
        rights=order.rights,
        expires_at=invoice.period_end,
        now=now,
    )


def take_back(order: Order, *, cause: str, now: dt.datetime) -> bool:
    """A period was refunded in full. Returns whether access ended with it.

    The refund of the newest period ends the subscription, and access at once; that of an
    earlier one is about money alone. It stays ended where the refund comes back from the
    buyer's bank: nobody is charged for what they once ended. Stripe is told after the transaction; where that fails,
    the sweep repeats it.
    """
    begun = payment_queries.subscription_of_order(order.pk)
    if begun is None:
        return False
    paid = payment_queries.orders_of_subscription(begun.pk)
    if paid and paid[-1] != order.pk:
        return False
    stop(order, now=now)
    return licensing.revoke(order_id=order.pk, cause=cause, now=now)


def stop(order: Order, *, now: dt.datetime) -> None:
    """Charge nothing any more for what an order is a period of; of another order, nothing."""
    begun = payment_queries.subscription_of_order(order.pk)
    if begun is None:
        return
    payments.wish_for(subscription_id=begun.pk, wish=SubscriptionWish.END)
    transaction.on_commit(partial(_end_at_stripe, begun.pk, now), robust=True)


def _end_at_stripe(subscription_id: uuid.UUID, now: dt.datetime) -> None:
    try:
        payments.carry_out_wish(subscription_id=subscription_id, now=now)
    except MarketplaceError as error:
        logger.warning("subscription %s is ended later: %s", subscription_id, error)
