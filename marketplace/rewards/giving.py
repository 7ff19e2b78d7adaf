"""Rewards become shop credit: once no bank disputes the sale any more, or within the reserve.

Until then they wait on an account of the shop, by order, where a refund or a dispute takes them
back with all else. What is credit stays credit, whatever becomes of the sale.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet, Sum

from marketplace.accounts import queries as accounts
from marketplace.core.shares import spread
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind, EntryKind, Line, chart
from marketplace.orders import services as orders
from marketplace.orders.types import Order
from marketplace.rewards.closing import stands
from marketplace.rewards.errors import ReserveUsedUpError
from marketplace.rewards.models import ClosedPool, Reward
from marketplace.rewards.policy import RewardPolicy

__all__ = ["BATCH", "give", "pools_to_give", "pools_to_give_early"]

BATCH = 50  # pools whose rewards become credit in one entry


def pools_to_give(*, as_of: dt.datetime) -> dict[str, list[int]]:
    """The closed pools whose rewards nobody can take back any more, by currency."""
    due = _waiting().filter(matures_on__lte=as_of.date()).order_by("matures_on", "pk")
    found: dict[str, list[int]] = {}
    for pk, currency in due.values_list("pk", "currency"):
        found.setdefault(currency, []).append(pk)
    return found


def pools_to_give_early(*, as_of: dt.datetime) -> dict[str, list[int]]:
    """Those whose rewards the operator's reserve can bear, by currency; the oldest first."""
    policy: RewardPolicy = settings.REWARDS
    found: dict[str, list[int]] = {}
    for currency, reserve in policy.reserve.items():
        left = reserve - _given_early(currency, as_of=as_of)
        waiting = _waiting().filter(currency=currency, matures_on__gt=as_of.date())
        for pk, minor in waiting.order_by("closed_at", "pk").values_list("pk", "rewards_minor"):
            if minor <= left:
                found.setdefault(currency, []).append(pk)
                left -= minor
    return found


@transaction.atomic
def give(pool_ids: Sequence[int], *, currency: str, as_of: dt.datetime, now: dt.datetime) -> int:
    """Make the rewards of these pools credit, in one entry. Returns how much, in minor units.

    Pools of one currency. One whose order is in question waits. Raises LedgerError, and
    ReserveUsedUpError where a rival has given what these would need of the reserve.
    """
    bills = sorted(
        ClosedPool.objects.filter(pk__in=pool_ids).values_list("order__bill_id", flat=True)
    )
    for bill_id in dict.fromkeys(bills):
        orders.lock_bill(bill_id)
    pools = list(
        ClosedPool.objects.filter(
            pk__in=pool_ids, given_at__isnull=True, order__state=Order.State.PAID
        )
        .select_related("order__listing")
        .order_by("pk")
    )
    parts = books.order_parts([pool.order_id for pool in pools], [AccountKind.REWARDS])
    lines: list[Line] = []
    credited: Counter[uuid.UUID] = Counter()
    given: list[ClosedPool] = []
    for pool in pools:
        there = parts.get(pool.order_id, {}).get(AccountKind.REWARDS, 0)
        if there > 0 and stands(pool.order.bill_id):
            lines += _give_one(pool, min(there, pool.rewards_minor), credited)
            given.append(pool)
    if not lines:
        return 0
    lines += [Line(chart.credit(who, currency), -minor) for who, minor in credited.items()]
    ledger.post(
        kind=EntryKind.REWARD,
        source=f"rewards:{uuid.uuid4()}",
        at=now,
        lines=lines,
        covered=[chart.rewards(currency)],
    )
    ClosedPool.objects.filter(pk__in=[pool.pk for pool in given]).update(given_at=now)
    _check_reserve(given, currency, as_of=as_of)
    return sum(credited.values())


def _give_one(pool: ClosedPool, there: int, credited: Counter[uuid.UUID]) -> list[Line]:
    """The lines of one order, without its senders' credit, which is added to `credited`.

    After a refund of a part each reward is that much smaller. What belongs to an account that
    is gone goes where undelivered parts go: to the seller.
    """
    rewards = list(pool.rewards.order_by("sender_id"))
    shares = spread(there, [reward.earned_minor for reward in rewards])
    present = accounts.active_among([reward.sender_id for reward in rewards])
    back = 0
    for reward, share in zip(rewards, shares, strict=True):
        reward.given_minor = share if reward.sender_id in present else 0
        credited[reward.sender_id] += reward.given_minor
        back += share - reward.given_minor
    Reward.objects.bulk_update(rewards, ["given_minor"])
    owner = chart.seller(pool.order.listing.seller_id, pool.currency)
    return [
        Line(chart.rewards(pool.currency), there, pool.order_id),
        Line(owner, -back, pool.order_id),
    ]


def _check_reserve(given: Sequence[ClosedPool], currency: str, *, as_of: dt.datetime) -> None:
    """The account of rewards is locked by now: what a rival gave before is seen here."""
    policy: RewardPolicy = settings.REWARDS
    early = any(pool.matures_on > as_of.date() for pool in given)
    if early and _given_early(currency, as_of=as_of) > policy.reserve.get(currency, 0):
        raise ReserveUsedUpError("another run has given what was left of the reserve")


def _given_early(currency: str, *, as_of: dt.datetime) -> int:
    """What is credit by now, and may still be disputed: the operator would bear it."""
    rows = ClosedPool.objects.filter(
        currency=currency, given_at__isnull=False, matures_on__gt=as_of.date()
    )
    total: int | None = rows.aggregate(total=Sum("rewards_minor"))["total"]
    return total or 0


def _waiting() -> QuerySet[ClosedPool]:
    return ClosedPool.objects.filter(
        given_at__isnull=True, rewards_minor__gt=0, order__state=Order.State.PAID
    )
