"""What stands on the receipt of an order or a bill: read from the books, nothing reckoned twice."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout.errors import NoReceiptError
from marketplace.core.money import Money
from marketplace.core.shares import spread
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries

__all__ = ["Receipt", "ReceiptLine", "receipt_of_bill", "receipt_of_order"]

_State = Order.State
# Of these nothing was ever paid, or not yet.
_UNPAID: Final = (_State.PENDING, _State.EXPIRED)


@dataclass(frozen=True, kw_only=True, slots=True)
class ReceiptLine:
    """One order as it was sold; `price` is after `discount`."""

    number: str
    title: str
    seller: str
    seller_country: str
    seller_tax_number: str
    list_price: Money
    discount: Money
    price: Money
    recipient: str  # of a present
    state: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """All that a receipt says. `tax` is included in what was paid in cash; `credit` and
    `cash` add up to the sum of the prices; `refunded` went back for good, of both.
    """

    number: str
    paid_at: dt.datetime
    buyer_email: str
    buyer_country: str
    buyer_tax_id: str
    code: str  # the discount code
    lines: tuple[ReceiptLine, ...]
    list_total: Money
    discount: Money
    total: Money
    tax: Money
    credit: Money
    cash: Money
    refunded: Money
    charged_back: Money  # what a bank took back of the cash
    refunded_at: dt.datetime | None
    order_id: uuid.UUID  # whose page it is, the first one's

    @property
    def is_invoice(self) -> bool:
        """Whether a business bought it, which needs its number on the paper."""
        return self.buyer_tax_id != ""

    @property
    def kept(self) -> Money:
        """What was paid and has not gone back."""
        back = self.refunded.minor + self.charged_back.minor
        return Money(self.total.minor - back, self.total.currency)


def receipt_of_order(buyer: User, order_id: uuid.UUID) -> Receipt:
    """The receipt of one order of `buyer`, also where it was paid together with others.

    Raises OrderNotFoundError, NoReceiptError while nothing was paid.
    """
    order = order_queries.order_of(buyer, order_id)
    return _receipt([order], order_queries.bill_of(buyer, order.bill_id).code)


def receipt_of_bill(buyer: User, bill_id: uuid.UUID) -> Receipt:
    """One receipt of all that `buyer` paid at once. Raises as `receipt_of_order`."""
    bill = order_queries.bill_of(buyer, bill_id)
    begun = list(bill.orders.all())
    # One order has one receipt, by whichever page it is asked for.
    return _receipt(begun, bill.code, number=bill.number if len(begun) > 1 else None)


def _receipt(orders: Sequence[Order], code: str, *, number: str | None = None) -> Receipt:
    paid = sorted(
        (order for order in orders if order.state not in _UNPAID), key=lambda order: order.number
    )
    if not paid:
        raise NoReceiptError(_("This was not paid, so there is no receipt. Nothing was charged."))
    first = paid[0]
    assert first.paid_at is not None, "what was paid has a date"
    told = _told_at_stripe(first)
    refunds = [order.refunded_at for order in paid if order.refunded_at is not None]

    def total(minors: Sequence[int]) -> Money:
        return Money(sum(minors), first.currency)

    return Receipt(
        number=number or first.number,
        paid_at=first.paid_at,
        buyer_email=first.buyer.email,
        buyer_country=told.country,
        buyer_tax_id=told.tax_id,
        code=code,
        lines=tuple(_line(order) for order in paid),
        list_total=total([order.list_minor for order in paid]),
        discount=total([order.discount_minor for order in paid]),
        total=total([order.price_minor for order in paid]),
        tax=total([told.tax_of.get(order.pk, 0) for order in paid]),
        credit=total([order.credit_minor for order in paid]),
        cash=total([order.cash.minor for order in paid]),
        refunded=total([_refunded(order) for order in paid]),
        charged_back=total([_charged_back(order) for order in paid]),
        refunded_at=max(refunds, default=None),
        order_id=first.pk,
    )


def _line(order: Order) -> ReceiptLine:
    seller = getattr(order.listing.seller, "seller", None)
    return ReceiptLine(
        number=order.number,
        title=order.title,
        seller=seller.name if seller else "",
        seller_country=seller.country if seller else "",
        seller_tax_number=order.seller_tax_number,
        list_price=order.list_price,
        discount=order.discount,
        price=order.price,
        recipient=order.recipient_email,
        state=order.state,
    )


def _refunded(order: Order) -> int:
    """What the shop gave back: when a bank took the cash, also what was paid by credit."""
    return order.refunded_minor - _charged_back(order)


def _charged_back(order: Order) -> int:
    """What a bank took back of the cash. Such an order counts as refunded in full."""
    if order.state != _State.CHARGED_BACK:
        return 0
    outcome = payment_queries.outcome_for(order.pk, order.bill_id)
    refunded = outcome.refunded.minor if outcome else 0
    return max(0, order.cash.minor - refunded)


@dataclass(frozen=True, slots=True)
class _Told:
    country: str
    tax_id: str
    tax_of: dict[uuid.UUID, int]


def _told_at_stripe(order: Order) -> _Told:
    """What the buyer said on Stripe's page, and the tax in each order that was paid with it."""
    payment = payment_queries.payment_of(order.bill_id)
    if payment is None:
        return _Told("", "", {})
    # As it was booked: the tax is spread over what each order was paid in cash.
    begun = order_queries.orders_of_bills([order.bill_id])[order.bill_id]
    weights = [each.cash.minor for each in begun]
    shares = spread(payment.tax_minor, weights) if any(weights) else (0,) * len(begun)
    taxes = {each.pk: share for each, share in zip(begun, shares, strict=True)}
    return _Told(payment.buyer_country, payment.buyer_tax_id, taxes)
