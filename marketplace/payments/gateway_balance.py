"""Stripe's own books: every balance transaction of the platform, or of a seller's account.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import stripe
from stripe.params import BalanceTransactionListParams

from marketplace.core.money import CURRENCIES, Money
from marketplace.payments.stripe_client import client, our_errors
from marketplace.payments.types import BalanceTransaction

__all__ = ["balance_transactions"]

PER_PAGE = 100  # the most that Stripe gives at once


def balance_transactions(
    *, account_id: str = "", kind: str = "", since: dt.datetime | None = None
) -> Iterator[BalanceTransaction]:
    """All of them, the newest first; of a connected account where one is named.

    `kind` is Stripe's type, as "payout", and `since` when they were made at the earliest.
    Raises PaymentsUnavailableError while they are read.
    """
    params: BalanceTransactionListParams = {"limit": PER_PAGE}
    if kind:
        params["type"] = kind
    if since is not None:
        params["created"] = {"gte": int(since.timestamp())}
    options: stripe.RequestOptions = {"stripe_account": account_id} if account_id else {}
    with our_errors():
        found = client().v1.balance_transactions.list(params, options)
        for transaction in found.auto_paging_iter():
            if transaction.currency.upper() in CURRENCIES:
                yield _transaction(transaction)


def _transaction(transaction: stripe.BalanceTransaction) -> BalanceTransaction:
    source = transaction.source
    return BalanceTransaction(
        id=transaction.id,
        kind=transaction.type,
        source=source if isinstance(source, str) else (source.id if source else ""),
        net=Money(transaction.net, transaction.currency.upper()),
        at=dt.datetime.fromtimestamp(transaction.created, dt.UTC),
    )
