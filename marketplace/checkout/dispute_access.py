"""Who may see a dispute, who may answer it, and what the shop can prove by itself.

A dispute is of a whole bill. Its answer is one, and tells much of the buyer, so a seller
answers where all of the bill is theirs; in a bill of several sellers the operator does, and
each seller sees how it stands.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import override

from marketplace.accounts.types import User
from marketplace.checkout.errors import NotYoursToAnswerError
from marketplace.licensing import queries as licensing
from marketplace.licensing.types import Delivery
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Bill, Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import DisputeNotFoundError
from marketplace.payments.types import Dispute

__all__ = ["Case", "case_for", "case_to_answer", "disputes_for", "facts_of", "orders_in_dispute"]

_BANK_LANGUAGE = "en"  # what evidence is written in, whatever the page speaks


@dataclass(frozen=True, slots=True)
class Case:
    """A dispute as one person may see it."""

    dispute: Dispute
    bill: Bill
    orders: Sequence[Order]  # those that the person may see
    is_theirs: bool  # they may answer it
    takes_answer: bool  # the bank still waits for one


def disputes_for(by: User) -> QuerySet[Dispute]:
    """Every dispute for the operator; those of their own sales for a seller."""
    if _is_operator(by):
        return payment_queries.all_disputes()
    return payment_queries.disputes_of(order_queries.bills_sold_by(by))


def orders_in_dispute(by: User, disputes: Iterable[Dispute]) -> dict[uuid.UUID, list[Order]]:
    """The disputed orders that `by` may see, by the bill of each dispute."""
    bills = [dispute.payment.bill_id for dispute in disputes]
    everything = order_queries.orders_of_bills(bills)
    return {
        bill_id: [
            order
            for order in everything.get(bill_id, [])
            if _is_operator(by) or order.listing.seller_id == by.pk
        ]
        for bill_id in bills
    }


def case_for(by: User, dispute_id: uuid.UUID, *, now: dt.datetime) -> Case:
    """A dispute as `by` may see it. Raises DisputeNotFoundError, also for others' disputes."""
    dispute = payment_queries.dispute_by_id(dispute_id)
    bill = order_queries.bill_by_id(dispute.payment.bill_id)
    everything = list(bill.orders.all())
    own = [order for order in everything if order.listing.seller_id == by.pk]
    operator = _is_operator(by)
    if not own and not operator:
        raise DisputeNotFoundError(str(dispute_id))
    return Case(
        dispute=dispute,
        bill=bill,
        orders=everything if operator else own,
        is_theirs=operator or len(own) == len(everything),
        takes_answer=payments.may_answer(dispute, now=now),
    )


def case_to_answer(by: User, dispute_id: uuid.UUID, *, now: dt.datetime) -> Case:
    """A dispute that `by` may answer. Raises DisputeNotFoundError, NotYoursToAnswerError."""
    case = case_for(by, dispute_id, now=now)
    if not case.is_theirs:
        raise NotYoursToAnswerError(
            _("This payment was for several sellers, so the operator of the shop answers.")
        )
    return case


def facts_of(case: Case) -> dict[str, str]:
    """What the shop knows of the purchase, as evidence by Stripe's names, in English.

    No address of a device is in it, and nothing of what was played: the shop does not keep
    the one for this, and does not know the other.
    """
    with override(_BANK_LANGUAGE):
        first = case.orders[0]
        paid = [order.paid_at for order in case.orders if order.paid_at is not None]
        return {
            "customer_email_address": case.bill.buyer.email,
            "product_description": "\n".join(_described(order) for order in case.orders),
            "service_date": date_format(min(paid), "Y-m-d") if paid else "",
            "access_activity_log": "\n".join(
                line for order in case.orders for line in _log_of(order)
            ),
            "refund_policy_disclosure": _policy(first),
        }


def _described(order: Order) -> str:
    kind = "rented for streaming" if order.is_rental else "bought as a download"
    return f"{order.number}: “{order.title}”, digital content {kind}, {order.price}."


def _log_of(order: Order) -> list[str]:
    lines = [f"{_at(order.created_at)} Order {order.number} placed in the shop."]
    if order.paid_at:
        lines.append(f"{_at(order.paid_at)} Order {order.number} paid; access granted at once.")
    return lines + [_delivered(order, got) for got in licensing.deliveries_of(order.pk)]


def _delivered(order: Order, delivery: Delivery) -> str:
    return (
        f"{_at(delivery.issued_at)} Licence for {order.number} issued to the device"
        f" “{delivery.device}”, registered by the account on {_at(delivery.registered_at)}."
    )


def _policy(order: Order) -> str:
    return (
        "Before paying, the buyer was shown on the page of the purchase what they get, the price,"
        f" and until when they may withdraw (order {order.number}, agreed with the button that"
        " names the price)."
    )


def _at(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")


def _is_operator(by: User) -> bool:
    return by.is_staff and by.is_active
