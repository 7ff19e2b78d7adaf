"""Paying sellers what they have earned: by Stripe to their bank, or in a bank batch.

A payout is taken from the seller's balance in the transaction that writes it down, under
the lock of the balance: whatever comes in between, a refund or a second run, finds the rest.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from dataclasses import dataclass, field

from django.db import IntegrityError, transaction

from marketplace.accounts import queries as accounts
from marketplace.accounts.types import User
from marketplace.checkout.distributing import distribute_seller
from marketplace.checkout.payout_mails import mail_payout_returned
from marketplace.core.errors import MarketplaceError
from marketplace.core.money import CURRENCIES, Money
from marketplace.ledger import queries as ledger_queries
from marketplace.ledger import services as ledger
from marketplace.ledger.errors import NotEnoughError
from marketplace.ledger.types import AccountKind, chart
from marketplace.orders import queries as order_queries
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.types import (
    BankDetails,
    ConnectedAccount,
    Earning,
    Payout,
    PayoutBatch,
    Split,
    Standing,
    Terms,
)

__all__ = [
    "PayoutRun",
    "book_own_payouts",
    "earned",
    "follow_payout",
    "mark_batch_paid",
    "payout_changed",
    "payout_terms",
    "resume_payouts",
    "return_payout",
    "run_payouts",
]

logger = logging.getLogger(__name__)

LOOKED_AT = dt.timedelta(days=180)  # how far back disputes count


@dataclass
class PayoutRun:
    """What a run did: payouts by Stripe, batches with their payouts, and what failed."""

    sent: list[Payout] = field(default_factory=list)
    batches: dict[str, PayoutBatch] = field(default_factory=dict)
    batched: list[Payout] = field(default_factory=list)
    without_account: list[Money] = field(default_factory=list)
    failures: int = 0


def payout_terms(seller: User, *, now: dt.datetime) -> Terms:
    """How long this seller's sales wait, by the days since the first and by their disputes."""
    first = ledger_queries.first_sale(seller.pk)
    rate = payment_queries.dispute_rate(order_queries.bills_sold_by(seller), since=now - LOOKED_AT)
    days = (now - first).days if first else 0
    return payment_queries.terms_for(
        Standing(days=days, sales=rate.payments, disputes=rate.disputed)
    )


def earned(seller: User, currency: str, *, now: dt.datetime) -> Split:
    """What a seller has in a currency: what may be paid out, what waits, and the reserve."""
    terms = payout_terms(seller, now=now)
    since = now - dt.timedelta(days=max(terms.delay_days, terms.reserve_days))
    sales = [
        Earning(at=at, amount_minor=minor)
        for at, minor in ledger_queries.earned_since(seller.pk, currency, since=since)
    ]
    balance = ledger_queries.balance(chart.seller(seller.pk, currency))
    return payment_queries.split_balance(balance.minor, sales, terms, now=now)


def run_payouts(*, now: dt.datetime, as_if: dt.datetime | None = None) -> PayoutRun:
    """Pay every seller what may leave; run twice, nothing is paid twice.

    `as_if` reckons delays and reserves as of another day (the sandbox alone asks for that).
    """
    run = PayoutRun()
    resume_payouts(now=now)
    for seller_id in ledger_queries.sellers_with_balance():
        try:
            _pay_seller(accounts.user_by_id(seller_id), run, now=now, as_if=as_if or now)
        except MarketplaceError as error:
            logger.warning("seller %s was not paid: %s", seller_id, error)
            run.failures += 1
    return run


def _pay_seller(seller: User, run: PayoutRun, *, now: dt.datetime, as_if: dt.datetime) -> None:
    account = payment_queries.account_of(seller.pk)
    if account is not None and account.receives:
        run.failures += distribute_seller(seller.pk)
    for balance in ledger_queries.balances_of(seller.pk, AccountKind.SELLER):
        split = earned(seller, balance.currency, now=as_if)
        if split.payable < CURRENCIES[balance.currency].minimum:
            continue
        amount = Money(split.payable, balance.currency)
        if account is not None and account.account_id:
            if account.pays_out:
                _by_stripe(account, amount, run, now=now)
            continue
        details = payment_queries.bank_details_of(seller.pk)
        if details is None:
            run.without_account.append(amount)
        else:
            _by_bank(details, amount, run, now=now)


def _by_stripe(
    account: ConnectedAccount, amount: Money, run: PayoutRun, *, now: dt.datetime
) -> None:
    there = ledger_queries.balance(chart.connected(account.user_id, amount.currency))
    amount = min(amount, there, key=lambda money: money.minor)
    if amount.minor < CURRENCIES[amount.currency].minimum:
        return
    try:
        with transaction.atomic():
            payout = payments.request_payout(account=account, amount=amount, now=now)
            _take(payout, now=now)
    except (IntegrityError, NotEnoughError):
        return  # a rival pays it, or a refund came in between: the next run sees the rest
    run.sent.append(follow_payout(payout.pk, now=now))


def _by_bank(details: BankDetails, amount: Money, run: PayoutRun, *, now: dt.datetime) -> None:
    try:
        with transaction.atomic():
            payout = payments.add_to_batch(
                details=details, amount=amount, batch=run.batches.get(amount.currency), now=now
            )
            _take(payout, now=now)
    except (IntegrityError, NotEnoughError):
        return
    assert payout.batch is not None, "add_to_batch gives one"
    run.batches[amount.currency] = payout.batch
    run.batched.append(payout)


def _take(payout: Payout, *, now: dt.datetime) -> None:
    ledger.start_payout(
        payout=str(payout.pk),
        seller_id=payout.seller_id,
        amount=Money(payout.amount_minor, payout.currency),
        at=now,
    )


def follow_payout(payout_id: uuid.UUID, *, now: dt.datetime) -> Payout:
    """Send a payout, or read what became of it, and book that. Safe to run again.

    Raises PaymentsUnavailableError.
    """
    payout = payments.refresh_payout(payout_id)
    _book(payout, now=now)
    return payout


@transaction.atomic
def _book(payout: Payout, *, now: dt.datetime) -> None:
    amount = Money(payout.amount_minor, payout.currency)
    left = payout.stripe_id is not None
    if left:
        ledger.book_payout_sent(
            payout=str(payout.pk),
            seller_id=payout.seller_id,
            amount=amount,
            external=payout.transaction_id,
            at=now,
        )
    if payout.state == Payout.State.FAILED:
        first = not ledger_queries.booked([f"payout-returned:{payout.pk}"])
        ledger.book_payout_returned(
            payout=str(payout.pk),
            seller_id=payout.seller_id,
            amount=amount,
            external=payout.failure_transaction_id,
            at=now,
            sent=left,
        )
        if first:
            mail_payout_returned(payout)


def payout_changed(stripe_id: str, *, now: dt.datetime) -> None:
    """Stripe says that something happened to a payout. Raises PaymentsUnavailableError."""
    payout = payment_queries.payout_of(stripe_id)
    if payout is not None:
        follow_payout(payout.pk, now=now)


def resume_payouts(*, now: dt.datetime) -> int:
    """Follow every payout whose end is not known. Returns how many could not be followed."""
    failures = 0
    for payout in payment_queries.open_payouts():
        try:
            follow_payout(payout.pk, now=now)
        except MarketplaceError as error:
            logger.warning("payout %s: %s", payout.pk, error)
            failures += 1
    return failures


@transaction.atomic
def mark_batch_paid(number: int, *, now: dt.datetime) -> list[Payout]:
    """The bank has sent a batch: book it, once. Raises PayoutNotFoundError, BatchPaidError."""
    paid = payments.mark_batch_paid(number, now=now)
    for payout in paid:
        ledger.book_payout_sent(
            payout=str(payout.pk),
            seller_id=payout.seller_id,
            amount=Money(payout.amount_minor, payout.currency),
            at=now,
            by_bank=True,
        )
    return paid


@transaction.atomic
def return_payout(payout_id: uuid.UUID, *, why: str, now: dt.datetime) -> Payout:
    """A bank did not take a payout of a batch: the seller is owed it again.

    Raises PayoutNotFoundError.
    """
    payout, was_sent = payments.return_bank_payout(payout_id, why=why, now=now)
    ledger.book_payout_returned(
        payout=str(payout.pk),
        seller_id=payout.seller_id,
        amount=Money(payout.amount_minor, payout.currency),
        at=now,
        by_bank=True,
        sent=was_sent,
    )
    mail_payout_returned(payout)
    return payout


def book_own_payouts(*, since: dt.datetime) -> None:
    """Book what Stripe paid to the platform's own bank since then, and what came back of it.

    Raises PaymentsUnavailableError.
    """
    for kind in ("payout", "payout_failure"):
        for moved in payments.balance_transactions(kind=kind, since=since):
            amount = Money(-moved.net.minor, moved.net.currency)
            ledger.book_to_bank(amount=amount, external=moved.id, at=moved.at)
