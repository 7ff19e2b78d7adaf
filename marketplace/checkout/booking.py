"""What a bill's rows mean in the ledger: the sale, what Stripe kept, refunds and disputes.

`book_bill` looks at the rows and books what is not booked yet, so it may run any number of
times and in any order of events. The caller holds the bill's lock and has recorded what
Stripe said; booking asks nobody.

    charge      clearing + credit held → what sellers are owed, the platform's fee, tax, pool
    settlement  clearing → Stripe's balance + what Stripe keeps (which the platform bears)
    refund      the parts of the sale, in proportion → on its way to the buyer, or credit
    dispute     the parts of the sale, in proportion → Stripe's balance; its fee the platform bears
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from marketplace.checkout.leftovers import return_leftovers
from marketplace.checkout.parts import Parts, charge_lines, reversed_lines
from marketplace.core.shares import spread
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, Line, chart, move
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments.types import Dispute, Payment, Refund

__all__ = ["book_bill", "is_charged"]

_UNDER_WAY = (Refund.State.REQUESTED, Refund.State.PENDING)
_MONEY_CAME = (Payment.State.SUCCEEDED, Payment.State.REFUNDED)


def is_charged(bill_id: uuid.UUID) -> bool:
    """Whether the bill's sale is booked: the credit that was held for it is spent by that."""
    return bool(books.booked([_charge(bill_id)]))


def book_bill(bill_id: uuid.UUID, *, now: dt.datetime) -> None:
    """Book what happened to a bill and is not in the ledger yet.

    Raises LedgerError where the books and the rows cannot both be right.
    """
    payment = payment_queries.payment_of(bill_id)
    if payment is None or payment.state not in _MONEY_CAME:
        return
    begun = sorted(order_queries.bill_by_id(bill_id).orders.all(), key=lambda order: order.pk)
    refunds = payment_queries.refunds_of(bill_id)
    disputes = list(payment_queries.disputes_of([bill_id]))
    done = books.booked(
        [
            _charge(bill_id),
            f"settlement:{bill_id}",
            *(f"{step}:{refund.pk}" for refund in refunds for step in _REFUND_STEPS),
            *(_taken(dispute, move.pk) for dispute in disputes for move in dispute.movements.all()),
        ]
    )
    if _charge(bill_id) not in done:
        _book_charge(payment, begun, now=now)
    if f"settlement:{bill_id}" not in done:
        _book_settlement(payment, now=now)
    for refund in refunds:
        _book_refund(refund, payment, begun, done, now=now)
    for order in begun:
        if order.credit_minor:
            _even_out_credit(order, refunds, now=now)
    for dispute in disputes:
        _book_dispute(dispute, begun, done)
    return_leftovers(begun, now=now)


def _charge(bill_id: uuid.UUID) -> str:
    return f"charge:{bill_id}"


def _book_charge(payment: Payment, begun: Sequence[Order], *, now: dt.datetime) -> None:
    lines = charge_lines(begun, tax_minor=payment.tax_minor)
    renews = all(order.kind == Order.Kind.SUBSCRIPTION for order in begun)
    if lines:
        ledger.post(
            kind=EntryKind.RENEWAL if renews else EntryKind.CHARGE,
            source=_charge(payment.bill_id),
            at=now,
            lines=lines,
            external=payment.charge_id,
        )


def _book_settlement(payment: Payment, *, now: dt.datetime) -> None:
    """What of the payment arrived, once Stripe says it."""
    fee = payment.stripe_fee_minor
    if fee is None or not payment.amount_minor:
        return
    ledger.post(
        kind=EntryKind.SETTLEMENT,
        source=f"settlement:{payment.bill_id}",
        at=now,
        external=payment.balance_transaction_id,
        lines=[
            Line(chart.stripe(payment.currency), payment.amount_minor - fee),
            Line(chart.processing_fees(payment.currency), fee),
            Line(chart.clearing(payment.currency), -payment.amount_minor),
        ],
    )


_REFUND_STEPS = (
    "refund",
    "refund-credit",
    "refund-settled",
    "refund-failed",
    "refund-credit-failed",
    "refund-returned",
)


def _book_refund(
    refund: Refund, payment: Payment, begun: Sequence[Order], done: set[str], *, now: dt.datetime
) -> None:
    """Cash leaves the sellers when Stripe has the refund; credit is given when that is through."""
    pk, state = refund.pk, refund.state
    asked = state in (Refund.State.PENDING, Refund.State.SUCCEEDED)
    away = chart.refunds_in_transit(payment.currency)
    if asked and refund.amount_minor and f"refund:{pk}" not in done:
        lines = [*_parts_back(refund, begun), Line(away, -refund.amount_minor)]
        ledger.post(kind=EntryKind.REFUND, source=f"refund:{pk}", at=now, lines=lines)
        done.add(f"refund:{pk}")
    if state == Refund.State.SUCCEEDED and refund.credit_minor:
        _give_credit(refund, begun, done, now=now)
    _book_way_of_refund(refund, payment.currency, done, now=now)
    if state == Refund.State.FAILED:
        for step in ("refund", "refund-credit"):
            if f"{step}:{pk}" in done and f"{step}-failed:{pk}" not in done:
                _take_back(f"{step}:{pk}", f"{step}-failed:{pk}", now=now)


def _book_way_of_refund(refund: Refund, currency: str, done: set[str], *, now: dt.datetime) -> None:
    """What left Stripe's balance for a refund, and what came back of one that failed."""
    away, there = chart.refunds_in_transit(currency), chart.stripe(currency)
    ways = (
        ("refund-settled", EntryKind.REFUND_SETTLED, refund.balance_transaction_id, away, there),
        ("refund-returned", EntryKind.REFUND_FAILED, refund.failure_transaction_id, there, away),
    )
    for step, kind, transaction_id, debit, credit in ways:
        if transaction_id and f"{step}:{refund.pk}" not in done:
            ledger.post(
                kind=kind,
                source=f"{step}:{refund.pk}",
                at=now,
                external=transaction_id,
                lines=move(debit=debit, credit=credit, minor=refund.amount_minor),
            )


def _parts_back(refund: Refund, begun: Sequence[Order]) -> list[Line]:
    """The cash of a refund, taken from its order, or from all of the bill where it names none."""
    parts = Parts.of(begun)
    if refund.order_id is not None:
        return parts.take(refund.order_id, refund.amount_minor)
    return parts.take_of_all(refund.amount_minor)


def _give_credit(
    refund: Refund, begun: Sequence[Order], done: set[str], *, now: dt.datetime
) -> None:
    source = f"refund-credit:{refund.pk}"
    order = next((order for order in begun if order.pk == refund.order_id), None)
    if source in done or order is None:
        return
    _credit(order, refund.credit_minor, source, now=now)
    done.add(source)


def _credit(order: Order, minor: int, source: str, *, now: dt.datetime) -> None:
    """Give a part of what was paid by credit back as credit."""
    back = Parts.of([order]).take(order.pk, minor)
    account = chart.credit(order.buyer_id, order.currency)
    ledger.post(
        kind=EntryKind.REFUND,
        source=source,
        at=now,
        lines=[*back, Line(account, -minor, order.pk)],
    )


def _take_back(booked: str, source: str, *, now: dt.datetime) -> None:
    """Undo the entry of a refund that did not reach its buyer."""
    entry = books.entry_of(booked)
    assert entry is not None, "the caller has seen it"
    lines = reversed_lines(entry)
    ledger.post(kind=EntryKind.REFUND_FAILED, source=source, at=now, lines=lines)


def _even_out_credit(order: Order, refunds: Sequence[Refund], *, now: dt.datetime) -> None:
    """Where all of an order's cash is back, its credit goes back, too, whoever returned the cash.

    Stripe's dashboard and a bank know of no credit. An order that stands again has none of it
    back. While a refund of ours that gives credit is under way, it is too early to say.
    """
    ours = [one for one in refunds if one.order_id == order.pk and one.credit_minor]
    given = sum(one.credit_minor for one in ours if one.state == Refund.State.SUCCEEDED)
    is_back = order.state in (Order.State.REFUNDED, Order.State.CHARGED_BACK)
    under_way = any(one.state in _UNDER_WAY for one in ours)
    due = order.credit_minor - given if is_back and not under_way else 0
    sources = books.sources_like(f"credit-back:{order.pk}:")
    stands = len(sources) % 2 == 1  # given and taken back by turns
    source = f"credit-back:{order.pk}:{len(sources)}"
    if due > 0 and not stands:
        _credit(order, due, source, now=now)
    elif not is_back and stands:
        _take_back(sources[-1], source, now=now)


def _taken(dispute: Dispute, transaction_id: str) -> str:
    return f"dispute:{dispute.pk}:{transaction_id}"


def _book_dispute(dispute: Dispute, begun: Sequence[Order], done: set[str]) -> None:
    """What the dispute took from Stripe's balance, and what it brought back, with its fees."""
    for moved in dispute.movements.all():
        source = _taken(dispute, moved.pk)
        if source in done:
            continue
        lines = (
            Parts.of(begun, by_bank=True).take_of_all(-moved.amount_minor)
            if moved.amount_minor < 0
            else _returned(dispute, begun, moved.amount_minor)
        )
        currency = moved.currency
        ledger.post(
            kind=EntryKind.DISPUTE_OPENED if moved.amount_minor < 0 else EntryKind.DISPUTE_WON,
            source=source,
            at=moved.at,
            external=moved.pk,
            lines=[
                *lines,
                Line(chart.dispute_fees(currency), moved.fee_minor),
                Line(chart.stripe(currency), moved.amount_minor - moved.fee_minor),
            ],
        )


def _returned(dispute: Dispute, begun: Sequence[Order], minor: int) -> list[Line]:
    """Give what came back to whom the dispute had taken it from, in the same proportion."""
    taken = [line for line in books.lines_like(f"dispute:{dispute.pk}:") if line.order_id]
    shares = spread(minor, [max(0, line.amount_minor) for line in taken]) if taken else ()
    back = [
        Line(line.account, share, line.order_id) for line, share in zip(taken, shares, strict=True)
    ]
    # Nothing is known to be taken: then it is parted as a sale is.
    back = back or Parts.of(begun, by_bank=True).take_of_all(minor)
    return [Line(line.account, -line.amount_minor, line.order_id) for line in back]
