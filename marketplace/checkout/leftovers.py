"""What comes back to a pool that is closed, or to an order that is over: it is the seller's.

A refund that failed and a dispute that was won give back to whom they had taken from. By then
the pool may have been closed, the rewards given, or the order refunded in another way. Nobody
is waiting for that part any more, so nothing is paid out of it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind, EntryKind, Line, chart
from marketplace.orders.types import Order

__all__ = ["return_leftovers"]

_OVER = (Order.State.REFUNDED, Order.State.CHARGED_BACK)


def return_leftovers(begun: Sequence[Order], *, now: dt.datetime) -> None:
    """Give sellers what pools and rewards of their orders hold and nobody will get.

    The caller holds the bill's lock and has booked everything else. Booked in the ledger;
    nothing where nothing is left.
    """
    order_ids = [order.pk for order in begun]
    parts = books.order_parts(order_ids, (AccountKind.POOL, AccountKind.REWARDS))
    if not any(minor > 0 for kinds in parts.values() for minor in kinds.values()):
        return
    closed = books.booked(f"pool-closed:{order_id}" for order_id in order_ids)
    given = books.rewards_given(order_ids)
    for order in begun:
        kinds = parts.get(order.pk, {})
        over = order.state in _OVER
        pool = kinds.get(AccountKind.POOL, 0) if over or f"pool-closed:{order.pk}" in closed else 0
        rewards = kinds.get(AccountKind.REWARDS, 0) if over or order.pk in given else 0
        if pool > 0 or rewards > 0:
            _return(order, max(pool, 0), max(rewards, 0), now=now)


def _return(order: Order, pool: int, rewards: int, *, now: dt.datetime) -> None:
    before = len(books.sources_like(f"pool-left:{order.pk}:"))
    ledger.post(
        kind=EntryKind.POOL_CLOSED,
        source=f"pool-left:{order.pk}:{before}",
        at=now,
        lines=[
            Line(chart.pool(order.pk, order.currency), pool, order.pk),
            Line(chart.rewards(order.currency), rewards, order.pk),
            Line(chart.seller(order.listing.seller_id, order.currency), -pool - rewards, order.pk),
        ],
    )
