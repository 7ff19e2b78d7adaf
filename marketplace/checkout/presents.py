"""What a paid present leads to: it waits for whoever it was bought for, and they are told."""

from __future__ import annotations

import datetime as dt

from marketplace.handovers import services as handovers
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders.types import Order

__all__ = ["give_present"]


def give_present(order: Order, *, now: dt.datetime) -> Entitlement:
    """Keep ready what was bought for somebody else, and mail them the link to it.

    In the transaction that pays the order. Once more changes nothing and mails nobody.
    """
    days = order.start_days
    entitlement = licensing.give(
        user=order.buyer,
        listing_id=order.listing_id,
        package_id=order.package_id,
        order_id=order.pk,
        rights=order.rights,
        start_by=None if days is None else now + dt.timedelta(days=days),
        now=now,
    )
    handovers.send_present(order=order, entitlement=entitlement, now=now)
    return entitlement
