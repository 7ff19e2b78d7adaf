"""Whether the rows of this app and the ledger say the same."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import F, Sum

from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger.types import AccountKind, chart
from marketplace.rewards.models import ClosedPool, Reward

__all__ = ["faults"]


def faults() -> Iterator[str]:
    """Each fault as a sentence; none where all is well."""
    unlike = ClosedPool.objects.annotate(sum=Sum("rewards__earned_minor")).exclude(
        sum=F("rewards_minor")
    )
    for pool in unlike.exclude(sum__isnull=True, rewards_minor=0):
        yield f"The pool of order {pool.order_id} and its rewards differ."
    for currency in ClosedPool.objects.order_by().values_list("currency", flat=True).distinct():
        yield from _of_currency(currency)


def _of_currency(currency: str) -> Iterator[str]:
    waits = books.balance(chart.rewards(currency))
    pools = ClosedPool.objects.filter(currency=currency)
    waiting = pools.filter(given_at__isnull=True)
    parts = books.order_parts(
        list(waiting.values_list("order_id", flat=True)), [AccountKind.REWARDS]
    )
    of_rows = sum(kinds.get(AccountKind.REWARDS, 0) for kinds in parts.values())
    if waits.minor != of_rows:
        yield (
            f"Rewards of {waits} wait in the ledger, and {Money(of_rows, currency)} for pools"
            " whose rewards were not given."
        )
    given = Reward.objects.filter(pool__currency=currency).aggregate(total=Sum("given_minor"))
    booked = books.rewarded(currency)
    if booked.minor != (given["total"] or 0):
        yield f"Rewards of {booked} were booked, and {Money(given['total'] or 0, currency)} given."
