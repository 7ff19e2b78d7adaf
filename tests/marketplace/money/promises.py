"""What must be true of shop credit and of discount codes when a schedule has calmed down.

Of credit: what a buyer was given is what they have, what is held for pages that are open, and
what is spent on purchases that stand. Of codes: each bill has its use exactly while it is open
or was paid, and no code has more uses than its seller allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Q, Sum

from marketplace.accounts.models import User
from marketplace.discounts.models import Code, Redemption
from marketplace.ledger import queries as books
from marketplace.ledger.models import Entry, Posting
from marketplace.ledger.types import AccountKind, chart
from marketplace.orders.models import Bill, Order
from marketplace.payments.models import Refund
from tests.marketplace.money.scene import USES, Scene

__all__ = ["credit_back", "credit_of", "promised"]

_BACK = ("refunded", "charged_back")


def promised(scene: Scene) -> Iterator[str]:
    """Each deviation as a sentence."""
    for buyer, granted in zip(scene.buyers, scene.granted, strict=True):
        yield from _of_credit(buyer, granted)
    for bill in scene.bills():
        yield from _of_held(bill)
        yield from _of_use(bill, scene.codes)
    for code in scene.codes:
        taken = Redemption.objects.filter(code=code).exclude(state="released").count()
        if taken > USES:
            yield f"{taken} bills have the code {code.text}, of which there are {USES}"


def credit_of(order: Order) -> int:
    """What the refunds of an order gave back as credit."""
    return _credit(order, ["succeeded"])


def credit_back(order: Order) -> int:
    """What of the credit that paid for an order is its buyer's again."""
    if order.state in _BACK and not _credit(order, ["requested", "pending"]):
        return order.credit_minor
    return credit_of(order)


def _credit(order: Order, states: list[str]) -> int:
    rows = Refund.objects.filter(order_id=order.pk, state__in=states)
    return rows.aggregate(total=Sum("credit_minor"))["total"] or 0


def _of_credit(buyer: User, granted: int) -> Iterator[str]:
    has = books.balance(chart.credit(buyer.pk, "KRW")).minor
    orders = list(Order.objects.filter(buyer=buyer))
    spent = sum(order.credit_minor - credit_back(order) for order in orders if _is_paid(order))
    held = sum(order.credit_minor for order in orders if order.state == "pending")
    given = _given_by_the_shop(buyer)
    if has != given - spent - held:
        yield f"{buyer.email} was given {given}, {spent} is spent, {held} held, and {has} left"
    # The shop makes up for credit that was spent when its page was paid late, or when the refund
    # that gave it came back: never for more than was paid by credit at all.
    if not granted <= given <= granted + sum(order.credit_minor for order in orders):
        yield f"{buyer.email} was granted {granted}, and the books say {given}"
    if has < 0:
        yield f"{buyer.email} has {has} of credit"


def _given_by_the_shop(buyer: User) -> int:
    """By all entries that touch the buyer's credit or orders."""
    touched = Entry.objects.filter(
        Q(postings__account__owner_id=buyer.pk)
        | Q(postings__order_id__in=Order.objects.filter(buyer=buyer).values("pk"))
    )
    found = Posting.objects.filter(
        entry__in=touched, account__kind=str(AccountKind.CREDIT_GRANTED)
    ).aggregate(total=Sum("amount_minor"))
    return found["total"] or 0


def _is_paid(order: Order) -> bool:
    return order.state not in ("pending", "expired")


def _of_held(bill: Bill) -> Iterator[str]:
    orders = list(bill.orders.all())
    held = books.balance(chart.credit_held(bill.pk, "KRW")).minor
    waits = all(order.state == "pending" for order in orders)
    wanted = sum(order.credit_minor for order in orders) if waits else 0
    if held != wanted:
        numbers = ", ".join(order.number for order in orders)
        yield f"{held} of credit is held for {numbers}, and should be {wanted}"


def _of_use(bill: Bill, codes: list[Code]) -> Iterator[str]:
    orders = list(bill.orders.all())
    off = sum(order.discount_minor for order in orders)
    use = Redemption.objects.filter(bill_id=bill.pk).first()
    if use is None:
        if off or bill.code:
            yield f"{off} was taken off {bill.pk} without a code"
        return
    if use.amount_minor != off or use.code not in codes or off != _worth(use.code, orders):
        yield f"the code of {bill.pk} is worth {use.amount_minor}, and {off} was taken off"
    if any(_is_paid(order) for order in orders):
        wanted = "used"
    else:
        wanted = "reserved" if orders[0].state == "pending" else "released"
    if use.state != wanted:
        yield f"the use of {bill.pk} is {use.state}, and should be {wanted}"


def _worth(code: Code, orders: list[Order]) -> int:
    """What it takes off: of its seller's things alone."""
    prices = [
        order.price_minor + order.discount_minor
        for order in orders
        if order.listing.seller_id == code.seller_id
    ]
    if code.percent is None:
        return min(code.amount_minor or 0, sum(prices))
    return sum((price * code.percent + 50) // 100 for price in prices)
