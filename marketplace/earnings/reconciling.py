"""Whether Stripe's books and ours say the same, movement by movement.

Each balance transaction of the platform is looked for in the ledger by its own id, or by the
object that it is about; and each posting on the account `stripe` at Stripe. Of sellers' own
accounts the sums are compared: what moves there is the sellers' and Stripe's business.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from marketplace.core.money import Money
from marketplace.ledger import queries as ledger
from marketplace.ledger.types import AccountKind, chart
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.types import BalanceTransaction, ConnectedAccount

__all__ = ["Comparison", "compare"]

_Key = tuple[str, str]  # an object at Stripe, and a currency


@dataclass
class Comparison:
    """What was compared, and each difference as a sentence.

    `fresh` are movements that the ledger has not heard of yet, and are too young to miss.
    """

    transactions: int = 0
    accounts: int = 0
    fresh: int = 0
    differences: list[str] = field(default_factory=list)


def compare(*, now: dt.datetime, grace: dt.timedelta) -> Comparison:
    """Read all of Stripe's balance transactions and compare.

    What Stripe booked within `grace` before now may still be missing here. Raises
    PaymentsUnavailableError.
    """
    result = Comparison()
    # Ours first: what is booked while Stripe is read is then merely young, not missing there.
    ours = ledger.external_totals([AccountKind.STRIPE])
    connected = {
        account.pk: ledger.balances_of(account.user_id, AccountKind.CONNECTED)
        for account in payment_queries.connected_accounts()
    }
    _compare_platform(ours, result, since=now - grace)
    for account in payment_queries.connected_accounts():
        if account.pk in connected:
            result.differences += _compare_account(account, connected[account.pk])
            result.accounts += 1
    return result


def _compare_platform(ours: dict[_Key, int], result: Comparison, *, since: dt.datetime) -> None:
    theirs: dict[_Key, list[BalanceTransaction]] = defaultdict(list)
    for transaction in payments.balance_transactions():
        result.transactions += 1
        currency = transaction.net.currency
        by_id = (transaction.id, currency)
        theirs[by_id if by_id in ours else (transaction.source, currency)].append(transaction)
    for key, transactions in theirs.items():
        there = Money(sum(one.net.minor for one in transactions), key[1])
        if key in ours:
            here = Money(ours[key], key[1])
            if here != there:
                result.differences.append(_differs(key[0], here, there))
            continue
        for one in transactions:
            if one.at >= since:
                result.fresh += 1
            elif one.net.minor:
                result.differences.append(
                    f"Missing here: {one.id} at Stripe, {one.kind} of"
                    f" {one.source or 'nothing named'}, {one.net}."
                )
    result.differences += [
        _missing_there(external, Money(minor, currency))
        for (external, currency), minor in ours.items()
        if (external, currency) not in theirs and minor
    ]


def _compare_account(account: ConnectedAccount, here: list[Money]) -> Iterator[str]:
    assert account.account_id is not None, "only accounts that Stripe has are compared"
    sums: dict[str, int] = defaultdict(int)
    for transaction in payments.balance_transactions(account_id=account.account_id):
        sums[transaction.net.currency] += transaction.net.minor
    for money in here:
        sums.setdefault(money.currency, 0)
    for currency, minor in sorted(sums.items()):
        booked = ledger.balance(chart.connected(account.user_id, currency))
        there = Money(minor, currency)
        if booked != there:
            yield (
                f"Amount differs: account {account.account_id} has {there} at Stripe and"
                f" {booked} in the ledger."
            )


def _differs(external: str, here: Money, there: Money) -> str:
    names = ", ".join(ledger.sources_of(external))
    return f"Amount differs: {external} is {there} at Stripe and {here} in the ledger ({names})."


def _missing_there(external: str, minor: Money) -> str:
    names = ", ".join(ledger.sources_of(external))
    if not external:
        return f"Missing at Stripe: entries of {minor} in sum name nothing there ({names})."
    return f"Missing at Stripe: {external}, {minor} in the ledger ({names})."
