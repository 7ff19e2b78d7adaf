"""What a person earned by delivering, won by won, and where a seller's pools went.

A statement says of each earning how much was delivered and to how many; never to whom.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db.models import Count, QuerySet, Sum

from marketplace.accounts.types import User
from marketplace.core.money import CURRENCIES, Money
from marketplace.core.shares import spread
from marketplace.ledger import queries as books
from marketplace.ledger.types import AccountKind
from marketplace.orders import queries as orders
from marketplace.orders.types import Order
from marketplace.rewards.models import ClosedPool, Reward
from marketplace.rewards.types import Earning, PoolSums

__all__ = [
    "earned_currencies",
    "earnings_of",
    "given_to",
    "pool_currencies",
    "pools_of",
    "waiting_for",
    "waiting_sums",
]

_Key = tuple[uuid.UUID, str, dt.date]


def earned_currencies(user: User) -> list[str]:
    """The currencies in which `user` ever earned anything by delivering."""
    rows = Reward.objects.filter(sender_id=user.pk, earned_minor__gt=0).order_by()
    found = set(rows.values_list("pool__currency", flat=True).distinct())
    return [code for code in CURRENCIES if code in found]


def given_to(user: User, currency: str) -> QuerySet[Reward, Any]:
    """What became credit, by listing and day, the newest first: rows for `Earning`.

    Pages are cut from it; each row is made an Earning by `earnings_of`.
    """
    rows = Reward.objects.filter(
        sender_id=user.pk, pool__currency=currency, pool__given_at__isnull=False
    )
    return (
        rows.values("pool__order__listing_id", "pool__order__listing__title", "pool__given_at")
        .annotate(
            count=Sum("bytes"),
            buyers=Count("pool__receiving__receiver_id", distinct=True),
            earned_sum=Sum("earned_minor"),
            given=Sum("given_minor"),
        )
        .order_by("-pool__given_at", "pool__order__listing__title")
    )


def earnings_of(rows: Iterable[dict[str, Any]], currency: str) -> list[Earning]:
    """The rows of `given_to` (of one page, say) as a person reads them."""
    return [
        _earning(
            (
                row["pool__order__listing_id"],
                row["pool__order__listing__title"],
                row["pool__given_at"].date(),
            ),
            currency=currency,
            count=row["count"],
            buyers=row["buyers"],
            earned=row["earned_sum"],
            given=row["given"],
        )
        for row in rows
    ]


def waiting_sums(user: User) -> list[Money]:
    """What waits to become the credit of `user`, one amount a currency, none of nothing."""
    sums = [
        Money(sum(one.waits.minor for one in waiting_for(user, code)), code)
        for code in earned_currencies(user)
    ]
    return [money for money in sums if money.minor]


def waiting_for(user: User, currency: str) -> list[Earning]:
    """What is not credit yet, by listing and the day on which it will be, the next first.

    What a refund or a dispute has taken by now is said beside it.
    """
    pools = list(
        ClosedPool.objects.filter(
            rewards__sender_id=user.pk, currency=currency, given_at__isnull=True
        )
        .select_related("order__listing", "receiving")
        .prefetch_related("rewards")
        .order_by("matures_on", "order__listing__title", "pk")
    )
    parts = books.order_parts([pool.order_id for pool in pools], [AccountKind.REWARDS])
    groups: dict[_Key, list[tuple[ClosedPool, Reward, int]]] = defaultdict(list)
    for pool in pools:
        rewards = sorted(pool.rewards.all(), key=lambda reward: reward.sender_id)
        there = parts.get(pool.order_id, {}).get(AccountKind.REWARDS, 0)
        there = max(0, min(there, pool.rewards_minor))
        shares = spread(there, [reward.earned_minor for reward in rewards])
        key = (pool.order.listing_id, pool.order.listing.title, pool.matures_on)
        groups[key] += [
            (pool, reward, share)
            for reward, share in zip(rewards, shares, strict=True)
            if reward.sender_id == user.pk
        ]
    return [
        _earning(
            key,
            currency=currency,
            count=sum(reward.bytes for _pool, reward, _share in found),
            buyers=len({pool.receiving.receiver_id for pool, *_rest in found if pool.receiving}),
            earned=sum(reward.earned_minor for _pool, reward, _share in found),
            waits=sum(share for *_rest, share in found),
        )
        for key, found in groups.items()
    ]


def pool_currencies(seller: User) -> list[str]:
    """The currencies in which anything of the seller's sales was set aside for delivery."""
    rows = orders.sales_of(seller).filter(pool_minor__gt=0).order_by()
    found = set(rows.values_list("currency", flat=True).distinct())
    return [code for code in CURRENCIES if code in found]


def pools_of(seller: User, currency: str) -> list[PoolSums]:
    """What was set aside of each listing's sales, and where it went; by title."""
    sales = orders.sales_of(seller).filter(pool_minor__gt=0, currency=currency).order_by()
    aside = {
        (pk, title): total
        for pk, title, total in sales.values_list("listing_id", "listing__title").annotate(
            total=Sum("pool_minor")
        )
    }
    closed = {
        row["order__listing_id"]: row
        for row in ClosedPool.objects.filter(order__listing__seller_id=seller.pk, currency=currency)
        .order_by()
        .values("order__listing_id")
        .annotate(
            peers=Sum("rewards_minor"), operator=Sum("operator_minor"), back=Sum("seller_minor")
        )
    }
    still = _open(sales)
    return [
        _sums(title, total, dict(closed.get(pk, {})), still.get(pk, 0), currency)
        for (pk, title), total in sorted(aside.items(), key=lambda one: (one[0][1], one[0][0]))
    ]


def _open(sales: QuerySet[Order]) -> dict[uuid.UUID, int]:
    """What lies in pools that are not closed yet, by listing."""
    waiting = sales.filter(state=Order.State.PAID, closed_pool__isnull=True)
    listings = dict(waiting.values_list("pk", "listing_id"))
    found: dict[uuid.UUID, int] = defaultdict(int)
    for order_id, kinds in books.order_parts(list(listings), [AccountKind.POOL]).items():
        found[listings[order_id]] += max(0, kinds.get(AccountKind.POOL, 0))
    return found


def _sums(title: str, aside: int, closed: dict[str, Any], still: int, currency: str) -> PoolSums:
    parts = [closed.get(name) or 0 for name in ("peers", "operator", "back")]
    peers, operator, back = parts
    return PoolSums(
        title=title,
        aside=Money(aside, currency),
        open=Money(still, currency),
        to_peers=Money(peers, currency),
        to_operator=Money(operator, currency),
        back=Money(back, currency),
        refunded=Money(aside - still - sum(parts), currency),
    )


def _earning(
    key: _Key,
    *,
    currency: str,
    count: int,
    buyers: int,
    earned: int,
    given: int | None = None,
    waits: int = 0,
) -> Earning:
    listing_id, title, on = key
    return Earning(
        listing_id=listing_id,
        title=title,
        on=on,
        is_given=given is not None,
        bytes=count,
        buyers=buyers,
        earned=Money(earned, currency),
        given=Money(given or 0, currency),
        waits=Money(waits, currency),
        taken_back=Money(earned - (given or 0) - waits, currency),
    )
