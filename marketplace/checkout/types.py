from __future__ import annotations

from dataclasses import dataclass

from marketplace.orders.types import Order

__all__ = ["Reconciled", "Started"]


@dataclass(frozen=True, slots=True)
class Started:
    """The order, and the hosted page where there is something to pay."""

    order: Order
    pay_url: str | None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a sweep did: orders and events looked at, and those that failed."""

    orders: int
    events: int
    failures: int
