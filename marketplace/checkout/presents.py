"""What a paid present leads to: it waits for whoever it was bought for, and they are told."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from marketplace.accounts.types import User
from marketplace.handovers import services as handovers
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement
from marketplace.orders.types import Line, Order

__all__ = ["check_presents", "give_present"]


def check_presents(lines: Sequence[Line], buyer: User, *, now: dt.datetime) -> None:
    """Presents that cost nothing are mails to anybody, so they are few a day.

    Raises handovers' PresentClosedError.
    """
    free = sum(1 for line in lines if line.recipient_email and not line.price.minor)
    if free:
        handovers.check_free_presents(giver=buyer, more=free, now=now)


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
