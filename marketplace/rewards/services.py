"""Paying for deliveries: pools are closed when they are due, and rewards become credit."""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Iterator

from django.db import DatabaseError

from marketplace.core.errors import MarketplaceError
from marketplace.distribution import queries as distribution
from marketplace.rewards.closing import close_pool, pools_to_close
from marketplace.rewards.giving import BATCH, give, pools_to_give, pools_to_give_early
from marketplace.rewards.types import Delivered, DeliveredTo, Settled
from marketplace.rewards.verifying import faults

__all__ = ["faults", "settle"]

logger = logging.getLogger(__name__)


def _receipts(package_id: str, receiver_id: uuid.UUID, until: dt.datetime) -> Iterable[Delivered]:
    return distribution.deliveries(package_id=package_id, receiver_id=receiver_id, now=until)


def settle(
    *,
    now: dt.datetime,
    as_of: dt.datetime | None = None,
    delivered_to: DeliveredTo = _receipts,
) -> Settled:
    """Close the pools that are due and give what has waited for long enough.

    Safe to run at any time, twice and at once. `as_of`: which day to reckon with, where it is
    another than `now`. `delivered_to` says who delivered what: the receipts.
    """
    day, done = as_of or now, Settled()
    for order_id in pools_to_close(as_of=day):
        try:
            if close_pool(order_id=order_id, delivered_to=delivered_to, now=now) is not None:
                done.closed += 1
        except (MarketplaceError, DatabaseError):
            logger.exception("the pool of order %s stays open", order_id)
            done.failures += 1
    for due in (pools_to_give(as_of=day), pools_to_give_early(as_of=day)):
        for currency, pools in due.items():
            for batch in _batches(pools):
                _give(batch, currency, done, as_of=day, now=now)
    return done


def _give(
    pools: list[int], currency: str, done: Settled, *, as_of: dt.datetime, now: dt.datetime
) -> None:
    """Give a batch; where it fails, each by itself, so that one does not hold up the others."""
    try:
        minor = give(pools, currency=currency, as_of=as_of, now=now)
    except (MarketplaceError, DatabaseError):
        if len(pools) > 1:
            for pool in pools:
                _give([pool], currency, done, as_of=as_of, now=now)
            return
        logger.exception("the rewards of pool %s wait", pools[0])
        done.failures += 1
        return
    if minor:
        done.given[currency] = done.given.get(currency, 0) + minor


def _batches(pools: list[int]) -> Iterator[list[int]]:
    for start in range(0, len(pools), BATCH):
        yield pools[start : start + BATCH]
