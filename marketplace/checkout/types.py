"""What the flows of this app take and return."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from marketplace.core.money import Money
from marketplace.orders.types import Bill, Line, Order

__all__ = [
    "Quote",
    "Reconciled",
    "Started",
    "StartedSubscription",
    "Wish",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """What a buyer wants: a listing, and nothing that names an amount but what they offer.

    `seen` is the token of the terms on the page that they pressed ("" while a page is only
    shown); `offered` what they would pay where they may say so; `recipient_email` whom it is
    a present for; `bundle_id` the bundle that it is bought in.
    """

    listing_id: uuid.UUID
    seen: str = ""
    offered: Money | None = None
    recipient_email: str = ""
    message: str = ""
    bundle_id: uuid.UUID | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Quote:
    """What the wishes cost now, line by line, in one currency."""

    lines: Sequence[Line]
    currency: str
    code: str = ""  # the discount code that was applied

    @property
    def total(self) -> Money:
        """What the buyer owes, after discounts."""
        return self._sum(line.price.minor for line in self.lines)

    @property
    def discount(self) -> Money:
        return self._sum(line.discount.minor for line in self.lines)

    @property
    def credit(self) -> Money:
        """What of it shop credit pays."""
        return self._sum(line.credit.minor for line in self.lines)

    @property
    def cash(self) -> Money:
        """What of it is paid by Stripe."""
        return self._sum(line.cash.minor for line in self.lines)

    def _sum(self, amounts: Iterable[int]) -> Money:
        return Money(sum(amounts), self.currency)


@dataclass(frozen=True, slots=True)
class Started:
    """The bill with its orders, and the hosted page where there is something to pay."""

    bill: Bill
    pay_url: str | None

    @property
    def orders(self) -> list[Order]:
        return list(self.bill.orders.all())

    @property
    def order(self) -> Order:
        """The first of its orders."""
        return self.orders[0]


@dataclass(frozen=True, slots=True)
class StartedSubscription:
    """The order that begins a subscription, and the hosted page on which it does."""

    order: Order
    pay_url: str


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What a sweep did: bills and events looked at, and those that failed."""

    bills: int
    events: int
    failures: int
