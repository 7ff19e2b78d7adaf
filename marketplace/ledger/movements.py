"""Money on its way between the platform, the sellers' accounts at Stripe, and their banks.

    stripe ──transfer──► connected ──payout by Stripe──► the seller's bank
    stripe ──to the bank──► bank ──bank batch──► the seller's bank

What a seller is owed falls when a payout is started, under the lock of their balance, and
rises again when it comes back. A transfer changes only where the money lies.
"""

from __future__ import annotations

import datetime as dt
import uuid

from marketplace.core.money import Money
from marketplace.ledger import chart
from marketplace.ledger.chart import AccountName
from marketplace.ledger.posting import post
from marketplace.ledger.types import Entry, EntryKind, move

__all__ = [
    "book_application_fee",
    "book_application_fee_refund",
    "book_payout_returned",
    "book_payout_sent",
    "book_to_bank",
    "book_transfer",
    "book_transfer_reversal",
    "start_payout",
]


def book_transfer(
    *, transfer: str, seller_id: uuid.UUID, amount: Money, external: str, at: dt.datetime
) -> Entry:
    """Money went from the platform's balance to a seller's account at Stripe.

    `transfer` names the transfer among ours; `external` is its balance transaction (txn_…)
    or the transfer itself (tr_…). So in all functions here.
    """
    return post(
        kind=EntryKind.TRANSFER,
        source=f"transfer:{transfer}",
        at=at,
        external=external,
        lines=move(
            debit=chart.connected(seller_id, amount.currency),
            credit=chart.stripe(amount.currency),
            minor=amount.minor,
        ),
    )


def book_transfer_reversal(
    *, reversal: str, seller_id: uuid.UUID, amount: Money, external: str, at: dt.datetime
) -> Entry:
    """A transfer was taken back, in part or whole."""
    return post(
        kind=EntryKind.TRANSFER_REVERSED,
        source=f"transfer-reversal:{reversal}",
        at=at,
        external=external,
        lines=move(
            debit=chart.stripe(amount.currency),
            credit=chart.connected(seller_id, amount.currency),
            minor=amount.minor,
        ),
    )


def book_application_fee(
    *, fee: str, seller_id: uuid.UUID, amount: Money, external: str, at: dt.datetime
) -> Entry:
    """The platform's fee of a destination charge went from the seller's account to ours."""
    return post(
        kind=EntryKind.APPLICATION_FEE,
        source=f"application-fee:{fee}",
        at=at,
        external=external,
        lines=move(
            debit=chart.stripe(amount.currency),
            credit=chart.connected(seller_id, amount.currency),
            minor=amount.minor,
        ),
    )


def book_application_fee_refund(
    *, refund: str, seller_id: uuid.UUID, amount: Money, external: str, at: dt.datetime
) -> Entry:
    """It went back to the seller's account."""
    return post(
        kind=EntryKind.APPLICATION_FEE_REFUNDED,
        source=f"application-fee-refund:{refund}",
        at=at,
        external=external,
        lines=move(
            debit=chart.connected(seller_id, amount.currency),
            credit=chart.stripe(amount.currency),
            minor=amount.minor,
        ),
    )


def start_payout(
    *, payout: str, seller_id: uuid.UUID, amount: Money, at: dt.datetime, memo: str = ""
) -> Entry:
    """Take a payout from what the seller is owed, before it is sent; once for each `payout`.

    Raises NotEnoughError where less is owed, also because a refund came in between.
    """
    owed = chart.seller(seller_id, amount.currency)
    return post(
        kind=EntryKind.PAYOUT_STARTED,
        source=f"payout:{payout}",
        at=at,
        lines=move(
            debit=owed,
            credit=chart.payouts_in_transit(seller_id, amount.currency),
            minor=amount.minor,
        ),
        covered=[owed],
        memo=memo,
    )


def book_payout_sent(
    *,
    payout: str,
    seller_id: uuid.UUID,
    amount: Money,
    at: dt.datetime,
    external: str = "",
    by_bank: bool = False,
) -> Entry:
    """It left the seller's account at Stripe or, `by_bank`, the platform's bank account."""
    return post(
        kind=EntryKind.PAYOUT_SENT,
        source=f"payout-sent:{payout}",
        at=at,
        external=external,
        lines=move(
            debit=chart.payouts_in_transit(seller_id, amount.currency),
            credit=_from(seller_id, amount.currency, by_bank=by_bank),
            minor=amount.minor,
        ),
    )


def book_payout_returned(
    *,
    payout: str,
    seller_id: uuid.UUID,
    amount: Money,
    at: dt.datetime,
    external: str = "",
    by_bank: bool = False,
    sent: bool = True,
) -> Entry:
    """It failed: the seller is owed it again. `sent`: it had left the account, and is back."""
    away = chart.payouts_in_transit(seller_id, amount.currency)
    return post(
        kind=EntryKind.PAYOUT_RETURNED,
        source=f"payout-returned:{payout}",
        at=at,
        external=external,
        lines=move(
            debit=_from(seller_id, amount.currency, by_bank=by_bank) if sent else away,
            credit=chart.seller(seller_id, amount.currency),
            minor=amount.minor,
        ),
    )


def book_to_bank(*, amount: Money, external: str, at: dt.datetime) -> Entry:
    """Stripe paid the platform: its balance falls, and the bank account rises.

    An `amount` below zero came back from the bank. `external` is the balance transaction.
    """
    return post(
        kind=EntryKind.BANK,
        source=f"bank:{external}",
        at=at,
        external=external,
        lines=move(
            debit=chart.bank(amount.currency),
            credit=chart.stripe(amount.currency),
            minor=amount.minor,
        ),
    )


def _from(seller_id: uuid.UUID, currency: str, *, by_bank: bool) -> AccountName:
    return chart.bank(currency) if by_bank else chart.connected(seller_id, currency)
