"""Erasing an account by the operator, as its person has asked for."""

from __future__ import annotations

import datetime as dt

from django.db import transaction

from marketplace.accounts import queries as accounts
from marketplace.accounts import services as account_services
from marketplace.accounts.types import User
from marketplace.catalog import services as catalog
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind
from marketplace.operations.errors import StillOwedError

__all__ = ["erase"]


@transaction.atomic
def erase(*, user: User, now: dt.datetime) -> int:
    """Erase the account of `user`; what they sold stays with who bought it.

    Returns how many listings went off sale. Raises StillOwedError while money of a sale is
    with the shop, or owed to it: it has to be paid first.
    """
    owed = [money for money in ledger.balances_of(user.pk, AccountKind.SELLER) if money.minor]
    if owed:
        raise StillOwedError(
            f"The balance of this seller is {', '.join(str(money) for money in owed)}. Pay it out"
            " (`manage.py payouts`), or let later sales settle it, and erase the account then."
        )
    closed = catalog.close_listings(seller=user) if accounts.seller_of(user) else 0
    account_services.erase_account(user=user, now=now)
    return closed
