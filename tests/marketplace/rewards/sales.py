"""Sales whose payment, refunds and disputes are as Stripe's answers leave them in our rows."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout.booking import book_bill
from marketplace.core.fees import delivery_pool, platform_fee
from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind, chart
from marketplace.licensing import services as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.models import Order
from marketplace.orders.types import Line
from marketplace.payments.models import Dispute, Movement, Payment, Refund
from marketplace.rewards import services as rewards
from marketplace.rewards.types import Settled

__all__ = [
    "NOW",
    "Receipts",
    "Sent",
    "bought",
    "credit_of",
    "days",
    "dispute",
    "give_back",
    "left",
    "pay_back",
    "settle",
    "win",
]

NOW = timezone.now().replace(hour=12, minute=0, second=0, microsecond=0)
STRIPE_FEE = 287


def days(count: int) -> dt.datetime:
    return NOW + dt.timedelta(days=count)


@dataclass(frozen=True)
class Sent:
    sender_id: uuid.UUID | None
    bytes: int


class Receipts(dict[uuid.UUID, list[Sent]]):
    """Who delivered how much to each person, of whatever they bought."""

    def add(self, receiver: User, sender: User | None, count: int) -> None:
        self.setdefault(receiver.pk, []).append(Sent(sender.pk if sender else None, count))

    def __call__(
        self, package_id: str, receiver_id: uuid.UUID, until: dt.datetime
    ) -> Iterable[Sent]:
        return self.get(receiver_id, [])


def bought(
    buyer: User,
    listing: Listing,
    *,
    credit: int = 0,
    price: int | None = None,
    recipient: str = "",
    arrived: bool = True,
) -> Order:
    """A paid order: `credit` of its price by shop credit, the rest in cash at NOW."""
    listing = Listing.objects.get(pk=listing.pk)
    if price is not None:
        listing.price_minor = price
    cost = listing.price
    if credit:
        ledger.grant_credit(
            user_id=buyer.pk,
            amount=Money(credit, "KRW"),
            source=f"gift:{uuid.uuid4()}",
            at=NOW,
            reason="",
        )
    fee = platform_fee(cost)
    cash = Money(cost.minor - credit, cost.currency)
    line = Line(
        listing=listing,
        terms=order_queries.terms_of(listing),
        discount=Money(0, "KRW"),
        credit=Money(credit, "KRW"),
        fee=fee,
        pool=delivery_pool(cash, fee=fee, bps=listing.pool_bps),
        recipient_email=recipient,
    )
    bill = orders.open_bill(buyer=buyer, lines=[line])
    assert bill is not None
    order = bill.orders.get()
    if credit:
        ledger.hold_credit(user_id=buyer.pk, bill_id=bill.pk, amount=Money(credit, "KRW"), at=NOW)
    Payment.objects.create(
        bill_id=bill.pk,
        sole_order_id=order.pk,
        amount_minor=cash.minor,
        currency="KRW",
        state=Payment.State.SUCCEEDED,
        stripe_fee_minor=STRIPE_FEE if arrived else None,
        expires_at=NOW,
    )
    orders.mark_paid(order_id=order.pk, now=NOW)
    give = licensing.give if recipient else licensing.grant
    give(
        user=buyer,
        listing_id=listing.pk,
        package_id=order.package_id,
        order_id=order.pk,
        rights=order.rights,
        now=NOW,
    )
    book(order)
    return Order.objects.get(pk=order.pk)


@transaction.atomic
def book(order: Order) -> None:
    orders.lock_bill(order.bill_id)
    book_bill(order.bill_id, now=NOW)


def pay_back(
    order: Order, minor: int, *, state: str = Refund.State.SUCCEEDED, credit: int = 0
) -> Refund:
    """A refund of a part of the cash, or of all that is left of it."""
    refund = Refund.objects.create(
        payment=Payment.objects.get(bill_id=order.bill_id),
        order_id=order.pk,
        amount_minor=minor,
        credit_minor=credit,
        state=state,
    )
    book(order)
    return refund


def give_back(order: Order) -> None:
    """All the money goes back, and with it the order."""
    before = sum(refund.amount_minor for refund in Refund.objects.filter(order_id=order.pk))
    orders.mark_refunded(order_id=order.pk, now=NOW)
    licensing.revoke(order_id=order.pk, cause=f"refund:{order.pk}", now=NOW)
    pay_back(order, order.cash.minor - before, credit=order.credit_minor)


def dispute(order: Order, minor: int | None = None) -> Dispute:
    """The buyer's bank takes the cash back, or a part of it."""
    amount = order.cash.minor if minor is None else minor
    found = Dispute.objects.create(
        payment=Payment.objects.get(bill_id=order.bill_id),
        stripe_id=f"dp_{uuid.uuid4().hex}",
        amount_minor=amount,
        currency="KRW",
        reason="fraudulent",
        status=Dispute.Status.NEEDS_RESPONSE,
        is_refundable=False,
        opened_at=NOW,
    )
    _move(found, -amount)
    book(order)
    return found


def win(found: Dispute, order: Order) -> None:
    Dispute.objects.filter(pk=found.pk).update(status=Dispute.Status.WON)
    _move(found, found.amount_minor)
    book(order)


def _move(found: Dispute, minor: int) -> None:
    Movement.objects.create(
        pk=f"txn_{uuid.uuid4().hex}",
        dispute=found,
        amount_minor=minor,
        fee_minor=0,
        currency="KRW",
        at=NOW,
    )


def settle(receipts: Receipts, *, day: int) -> Settled:
    done = rewards.settle(now=NOW, as_of=days(day), delivered_to=receipts)
    assert done.failures == 0
    return done


def left(order: Order) -> dict[str, int]:
    """What an order has left with each kind of account that a sale or a pool touches."""
    kinds = (
        AccountKind.SELLER,
        AccountKind.PLATFORM_FEES,
        AccountKind.POOL,
        AccountKind.REWARDS,
        AccountKind.REWARD_LOSSES,
    )
    parts = books.order_parts([order.pk], kinds).get(order.pk, {})
    return {str(kind): minor for kind, minor in parts.items() if minor}


def credit_of(user: User) -> int:
    return books.balance(chart.credit(user.pk, "KRW")).minor
