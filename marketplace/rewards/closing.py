"""Closing a delivery pool: who delivered is paid out of it, the rest goes back.

    pool ──► rewards (wait, then credit)      what other buyers delivered
         ├─► platform_fees                    what the origin delivered
         └─► seller                           what nobody delivered

A pool is part of money that was captured, and never more: a closing shares out what the
ledger has in it at that moment.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections import defaultdict

from django.conf import settings
from django.db import transaction
from django.db.models import Sum

from marketplace.accounts import queries as accounts
from marketplace.catalog import queries as catalog
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, Line, chart
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments.types import Dispute, Payment, Refund
from marketplace.rewards.models import ClosedPool, Receiving, Reward
from marketplace.rewards.policy import RewardPolicy
from marketplace.rewards.sharing import Cut, share_out
from marketplace.rewards.types import DeliveredTo

__all__ = ["close_pool", "pools_to_close", "stands"]

_UNDER_WAY = (Refund.State.REQUESTED, Refund.State.PENDING)
_Status = Dispute.Status
_DECIDED = (_Status.WON, _Status.LOST, _Status.WARNING_CLOSED, _Status.PREVENTED)


def pools_to_close(*, as_of: dt.datetime) -> list[uuid.UUID]:
    """The orders whose pools are due, those paid first first."""
    policy: RewardPolicy = settings.REWARDS
    due = Order.objects.filter(
        state=Order.State.PAID,
        pool_minor__gt=0,
        paid_at__lte=as_of - policy.closes_after,
        closed_pool__isnull=True,
    )
    return list(due.order_by("paid_at", "pk").values_list("pk", flat=True))


@transaction.atomic
def close_pool(
    *, order_id: uuid.UUID, delivered_to: DeliveredTo, now: dt.datetime
) -> ClosedPool | None:
    """Share an order's pool out, once. None where it is closed already, or has to wait.

    It waits while a refund or a dispute is under way, and while Stripe has not said that the
    money arrived. Raises LedgerError.
    """
    order = order_queries.order_by_id(order_id)
    begun = orders.lock_bill(order.bill_id)
    state = next(row.state for row in begun if row.pk == order_id)
    if state != Order.State.PAID or not stands(order.bill_id):
        return None
    if ClosedPool.objects.filter(order_id=order_id).exists():
        return None
    there = books.balance(chart.pool(order_id, order.currency)).minor
    if there <= 0:
        return None
    receiver = licensing.receiver_of(order_id)
    if receiver is None:
        nobody = share_out(there, size=0, delivered={}, origin=0)
        return _write(order, None, there, nobody, now=now)
    receiving = _lock(order.listing_id, receiver)
    fresh = _not_paid_yet(order, receiving, delivered_to, now=now)
    barred = {receiver, order.buyer_id}
    cut = share_out(
        there,
        size=order.package.sealed_size,
        delivered={who: n for who, n in fresh.items() if who is not None and who not in barred},
        origin=fresh.get(None, 0),
    )
    return _write(order, receiving, there, cut, now=now)


def stands(bill_id: uuid.UUID) -> bool:
    """Whether a bill's money has arrived, and nobody is about to take any of it back."""
    payment = payment_queries.payment_of(bill_id)
    if payment is None or payment.state != Payment.State.SUCCEEDED:
        return False
    if not books.booked([f"settlement:{bill_id}"]):
        return False
    if any(refund.state in _UNDER_WAY for refund in payment_queries.refunds_of(bill_id)):
        return False
    return not payment_queries.disputes_of([bill_id]).exclude(status__in=_DECIDED).exists()


def _lock(listing_id: uuid.UUID, receiver_id: uuid.UUID) -> Receiving:
    """Hold what one person received of a listing: a rival must not pay for the same bytes."""
    row, _created = Receiving.objects.get_or_create(listing_id=listing_id, receiver_id=receiver_id)
    return Receiving.objects.select_for_update().get(pk=row.pk)


def _not_paid_yet(
    order: Order, receiving: Receiving, delivered_to: DeliveredTo, *, now: dt.datetime
) -> dict[uuid.UUID | None, int]:
    """Bytes by sender (None: the origin) that no earlier pool has paid for."""
    versions = catalog.versions_of(order.listing_id).values_list("package_id", flat=True)
    packages = sorted({order.package_id, *versions})
    found: dict[uuid.UUID | None, int] = defaultdict(int)
    for package_id in packages:
        for delivery in delivered_to(package_id, receiving.receiver_id, now):
            found[delivery.sender_id] += max(delivery.bytes, 0)
    paid = Reward.objects.filter(pool__receiving=receiving).order_by().values_list("sender_id")
    for sender_id, total in paid.annotate(total=Sum("bytes")):
        found[sender_id] -= total
    found[None] -= receiving.pools.aggregate(total=Sum("origin_bytes"))["total"] or 0
    present = accounts.active_among([who for who in found if who is not None])
    return {
        who: count for who, count in found.items() if count > 0 and (who is None or who in present)
    }


def _write(
    order: Order, receiving: Receiving | None, there: int, cut: Cut, *, now: dt.datetime
) -> ClosedPool:
    assert order.paid_at is not None, "a named constraint of the table"
    policy: RewardPolicy = settings.REWARDS
    rewards = sum(cut.rewards.values())
    # A day begins for all of its rewards at once, so that they become credit in one line.
    matures_on = (order.paid_at + policy.waits).astimezone(dt.UTC).date() + dt.timedelta(days=1)
    pool = ClosedPool.objects.create(
        order=order,
        receiving=receiving,
        currency=order.currency,
        pool_minor=there,
        rewards_minor=rewards,
        operator_minor=cut.operator,
        seller_minor=cut.seller,
        origin_bytes=cut.origin_bytes,
        closed_at=now,
        matures_on=matures_on,
    )
    Reward.objects.bulk_create(
        Reward(pool=pool, sender_id=sender, bytes=cut.bytes_of[sender], earned_minor=minor)
        for sender, minor in cut.rewards.items()
    )
    _book(order, pool)
    return pool


def _book(order: Order, pool: ClosedPool) -> None:
    currency, owner = order.currency, order.listing.seller_id
    ledger.post(
        kind=EntryKind.POOL_CLOSED,
        source=f"pool-closed:{order.pk}",
        at=pool.closed_at,
        lines=[
            Line(chart.pool(order.pk, currency), pool.pool_minor, order.pk),
            Line(chart.rewards(currency), -pool.rewards_minor, order.pk),
            Line(chart.platform_fees(currency), -pool.operator_minor, order.pk),
            Line(chart.seller(owner, currency), -pool.seller_minor, order.pk),
        ],
    )
