"""Shop credit: given, set aside for a bill, given back. It is spent by booking the sale.

credit_granted ──grant──► credit ──hold──► credit_held ──(the bill is paid)──► sellers, fees
                              ▲──release──────┘
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.core.errors import InvalidError
from marketplace.core.money import Money
from marketplace.ledger import chart
from marketplace.ledger.posting import balance_minor, lock_accounts, post
from marketplace.ledger.types import Entry, EntryKind, Line, move

__all__ = ["grant_credit", "hold_credit", "release_credit"]


def grant_credit(
    *, user_id: uuid.UUID, amount: Money, source: str, at: dt.datetime, reason: str
) -> Entry:
    """Give shop credit as goodwill. `source` keeps a repeated call from giving it twice.

    Raises InvalidError where the amount is not above zero.
    """
    if amount.minor <= 0:
        raise InvalidError(_("Credit of nothing cannot be given. Write an amount above zero."))
    return post(
        kind=EntryKind.CREDIT_GRANTED,
        source=source,
        at=at,
        lines=move(
            debit=chart.credit_granted(amount.currency),
            credit=chart.credit(user_id, amount.currency),
            minor=amount.minor,
        ),
        memo=reason,
    )


@transaction.atomic
def hold_credit(
    *, user_id: uuid.UUID, bill_id: uuid.UUID, amount: Money, at: dt.datetime
) -> Entry | None:
    """Set credit aside for a bill, so that `amount` in all is held for it; None where it is.

    The caller holds the lock of an order of the bill that is not paid yet. Raises
    NotEnoughError: somebody spent it in between.
    """
    held = chart.credit_held(bill_id, amount.currency)
    row = lock_accounts([held], more=[held])[held.code]
    wanted = amount.minor - balance_minor(row)
    if wanted <= 0:
        return None
    return post(
        kind=EntryKind.CREDIT_HELD,
        source=f"credit-held:{bill_id}:{row.postings.count()}",
        at=at,
        lines=move(debit=chart.credit(user_id, amount.currency), credit=held, minor=wanted),
    )


@transaction.atomic
def release_credit(
    *, user_id: uuid.UUID, bill_id: uuid.UUID, currency: str, at: dt.datetime
) -> Entry | None:
    """Give back what is held for a bill; None where nothing is, also after it was spent."""
    held = chart.credit_held(bill_id, currency)
    row = lock_accounts([held], more=[held])[held.code]
    there = balance_minor(row)
    if there <= 0:
        return None
    return post(
        kind=EntryKind.CREDIT_RELEASED,
        source=f"credit-released:{bill_id}:{row.postings.count()}",
        at=at,
        lines=[Line(held, there), Line(chart.credit(user_id, currency), -there)],
    )
