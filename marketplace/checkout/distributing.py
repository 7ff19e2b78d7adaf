"""Sellers' shares on their way to the sellers' own accounts at Stripe.

What each order owes its seller stands in the ledger, and what was sent for it in the
transfers. `distribute` sends or takes back the difference. So it is the same function after
a payment, a refund, a dispute won or lost, and after anything that was lost on the way.
A bill of one seller is paid to them directly, less the platform's fee: a destination charge.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Iterable

from django.conf import settings
from django.db import transaction

from marketplace.core.errors import MarketplaceError
from marketplace.core.money import Money
from marketplace.ledger import queries as ledger_queries
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind, chart
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Bill, Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentRefusedError
from marketplace.payments.types import ConnectedAccount, Destination, Payment

__all__ = [
    "account_changed",
    "destination_for",
    "distribute",
    "distribute_quietly",
    "distribute_seller",
    "resume_transfers",
    "was_about_destination",
]

logger = logging.getLogger(__name__)


def destination_for(bill: Bill) -> Destination | None:
    """The account that a bill is paid to directly, and what the platform keeps.

    None where it is not: several sellers, shop credit, tax that is not known yet, or no
    account that can be paid.
    """
    begun = list(bill.orders.all())
    sellers = {order.listing.seller_id for order in begun}
    if settings.STRIPE_TAX or len(sellers) != 1 or any(order.credit_minor for order in begun):
        return None
    account = payment_queries.account_of(sellers.pop())
    if account is None or not account.pays_out or not account.account_id:
        return None
    kept = sum(order.fee_minor + order.pool_minor for order in begun)
    if not 0 < kept < sum(order.price_minor for order in begun):
        # Stripe wants a fee above nothing; the rest is sent by a transfer like any other.
        return None
    return Destination(account.account_id, kept)


def was_about_destination(error: PaymentRefusedError, bill: Bill) -> bool:
    """Whether Stripe refused a payment because the seller's account takes no money any more.

    Then that is known from here on. Raises PaymentsUnavailableError.
    """
    payment = payment_queries.payment_of(bill.pk)
    if payment is None or error.stripe_code != "insufficient_capabilities_for_transfer":
        return False
    account = payments.refresh_account(payment.destination)
    return account is not None and not account.receives


def distribute_quietly(bill_id: uuid.UUID) -> None:
    """`distribute`, after a payment was settled: what fails now is done by the sweep."""
    try:
        distribute(bill_id)
    except MarketplaceError as error:
        logger.warning("the shares of bill %s wait: %s", bill_id, error)


def distribute(bill_id: uuid.UUID) -> None:
    """Bring the sellers' accounts to what the bill's orders owe them. Safe to run again.

    Raises PaymentsUnavailableError.
    """
    payment = payment_queries.payment_of(bill_id)
    if payment is None or payment.state not in (Payment.State.SUCCEEDED, Payment.State.REFUNDED):
        return
    bill = order_queries.bill_by_id(bill_id)
    for order in bill.orders.all():
        account = payment_queries.account_of(order.listing.seller_id)
        if account is None or account.account_id is None:
            continue
        if payment.destination and payment.charge_id:
            _record_destination(bill, account, payment)
        _plan(order, account, payment)
        payments.carry_out_transfers(order.pk)
        _book(order.pk)


def _record_destination(bill: Bill, account: ConnectedAccount, payment: Payment) -> None:
    """The charge sent the shares by itself: write that down, once, and book it."""
    if payment_queries.transfers_of(bill.orders.all()[0].pk).filter(is_destination=True).exists():
        return
    sent = payments.destination_of_charge(payment.charge_id)
    if sent is None:
        return
    begun = list(bill.orders.all())
    shares = {order.pk: order.price_minor - order.fee_minor - order.pool_minor for order in begun}
    with transaction.atomic():
        orders.lock_bill(bill.pk)
        payments.record_destination(
            account=account,
            bill_id=bill.pk,
            charge_id=payment.charge_id,
            sent=sent,
            shares=shares,
            currency=bill.currency,
        )
        at = payment.created_at
        ledger.book_transfer(
            transfer=sent.transfer.id,
            seller_id=account.user_id,
            amount=Money(sent.amount_minor, bill.currency),
            external=sent.transfer.transaction_id,
            at=at,
        )
        if sent.fee is not None:
            ledger.book_application_fee(
                fee=sent.fee.id,
                seller_id=account.user_id,
                amount=Money(sent.fee_minor, bill.currency),
                external=sent.fee.transaction_id,
                at=at,
            )


@transaction.atomic
def _plan(order: Order, account: ConnectedAccount, payment: Payment) -> None:
    orders.lock_bill(order.bill_id)
    parts = ledger_queries.order_parts([order.pk], [AccountKind.SELLER])
    owed = max(parts.get(order.pk, {}).get(AccountKind.SELLER, 0), 0)
    sent = payment_queries.sent_of_orders([order.pk]).get(order.pk, 0)
    if owed > sent and not account.receives:
        return  # it waits in the seller's balance until their account can be paid
    there = ledger_queries.balance(chart.connected(account.user_id, order.currency))
    payments.plan_transfer(
        account=account,
        order_id=order.pk,
        bill_id=order.bill_id,
        share=Money(owed, order.currency),
        charge_id=payment.charge_id,
        charge_left=order.price_minor - order.credit_minor,
        there_minor=there.minor,
    )


def _book(order_id: uuid.UUID) -> None:
    """Book what was sent and what came back; what is booked already changes nothing."""
    for transfer in payment_queries.transfers_of(order_id):
        if transfer.state != transfer.State.SUCCEEDED:
            continue
        if not transfer.is_destination:
            ledger.book_transfer(
                transfer=str(transfer.pk),
                seller_id=transfer.seller_id,
                amount=Money(transfer.amount_minor, transfer.currency),
                external=transfer.transaction_id,
                at=transfer.created_at,
            )
        for reversal in transfer.reversals.all():
            if reversal.state == reversal.State.SUCCEEDED:
                ledger.book_transfer_reversal(
                    reversal=str(reversal.pk),
                    seller_id=transfer.seller_id,
                    amount=Money(reversal.amount_minor, transfer.currency),
                    external=reversal.transaction_id,
                    at=reversal.created_at,
                )


def account_changed(account_id: str) -> None:
    """Stripe says that an account is not what it was: read it, and send what waited for it.

    Raises PaymentsUnavailableError.
    """
    account = payments.refresh_account(account_id)
    if account is not None and account.receives:
        distribute_seller(account.user_id)


def distribute_seller(seller_id: uuid.UUID) -> int:
    """Distribute every bill of a seller of which the ledger and the transfers differ.

    Transfers come before what is taken back, so that new sales make up for old refunds.
    Returns how many could not be done.
    """
    owed = ledger_queries.owed_by_order(seller_id)
    sent = payment_queries.sent_of_orders(owed.keys())
    more = [key for key, minor in owed.items() if max(minor, 0) > sent.get(key, 0)]
    less = [key for key, minor in owed.items() if max(minor, 0) < sent.get(key, 0)]
    return _distribute_orders([*more, *less])


def resume_transfers(*, since: dt.datetime) -> int:
    """Ask again for what Stripe did not answer, and send what was earned since then.

    Returns how many could not be done.
    """
    open_orders = set(payment_queries.orders_with_open_transfers())
    # Who has no account at Stripe is paid by bank: nothing of theirs waits to be sent.
    sellers = [account.user_id for account in payment_queries.connected_accounts()]
    recent = ledger_queries.sold_since(since, sellers=sellers)
    sent = payment_queries.sent_of_orders(recent.keys())
    owing = {key for key, minor in recent.items() if max(minor, 0) != sent.get(key, 0)}
    return _distribute_orders([*open_orders, *(owing - open_orders)])


def _distribute_orders(order_ids: Iterable[uuid.UUID]) -> int:
    failures = 0
    known = order_queries.orders_by_id(list(order_ids))
    bills = dict.fromkeys(known[key].bill_id for key in order_ids if key in known)
    for bill_id in bills:
        try:
            distribute(bill_id)
        except MarketplaceError as error:
            logger.warning("the shares of bill %s wait: %s", bill_id, error)
            failures += 1
    return failures
