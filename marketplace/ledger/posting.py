"""The one way into the ledger: an entry whose lines sum to zero, once for each source."""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from marketplace.core.money import Money
from marketplace.ledger.chart import KINDS, AccountName
from marketplace.ledger.errors import AlreadyBookedError, NotEnoughError, UnbalancedError
from marketplace.ledger.models import Account, Entry, Posting
from marketplace.ledger.types import EntryKind, Line

__all__ = ["balance_minor", "lock_accounts", "post"]

_Key = tuple[str, int, str]


@transaction.atomic
def post(
    *,
    kind: EntryKind,
    source: str,
    at: dt.datetime,
    lines: Iterable[Line],
    external: str = "",
    memo: str = "",
    covered: Collection[AccountName] = (),
) -> Entry:
    """Book what happened, in the caller's transaction; booked again, the same entry.

    `source` names what is booked ("charge:<payment>"); `external` is the object at Stripe
    that its balance transaction names. Lines of nothing are left out. Accounts of guarded
    kinds, and those in `covered`, are not overdrawn: rivals who spend from one wait for
    each other. Raises UnbalancedError, AlreadyBookedError (the source was booked with
    other lines), NotEnoughError (then nothing was booked).
    """
    wanted = [line for line in lines if line.amount_minor]
    _check_balanced(source, wanted)
    known = Entry.objects.filter(source=source).first()
    if known is not None:
        return _same(known, kind, wanted)
    try:
        with transaction.atomic():
            entry = Entry.objects.create(
                kind=str(kind), source=source, at=at, external=external, memo=memo[:200]
            )
    except IntegrityError:  # a rival booked it in this moment
        return _same(Entry.objects.get(source=source), kind, wanted)
    rows = lock_accounts([line.account for line in wanted], debited=_debits(wanted), more=covered)
    _check_covered(rows, wanted, covered)
    Posting.objects.bulk_create(
        [
            Posting(
                entry=entry,
                account=rows[line.account.code],
                amount_minor=line.amount_minor,
                order_id=line.order_id,
            )
            for line in wanted
        ]
    )
    return entry


def lock_accounts(
    names: Collection[AccountName],
    *,
    debited: Collection[str] = (),
    more: Collection[AccountName] = (),
) -> dict[str, Account]:
    """The rows of these accounts, by code, made where they are new.

    Of a kind that is locked, those in `debited` are held until the transaction ends, and
    so are all in `more`: in the order of their keys.
    """
    by_code = {name.code: name for name in [*names, *more]}
    held = {name.code for name in more} | {
        code for code in debited if KINDS[by_code[code].kind].locked
    }
    rows = {row.code: row for row in Account.objects.filter(code__in=by_code)}
    missing = [by_code[code] for code in sorted(by_code.keys() - rows.keys())]
    if missing:
        Account.objects.bulk_create([_row(name) for name in missing], ignore_conflicts=True)
        rows = {row.code: row for row in Account.objects.filter(code__in=by_code)}
    if held:
        # Whoever only adds to an account does not wait: its foreign key takes a weaker lock.
        locked = Account.objects.filter(code__in=held).order_by("pk")
        list(locked.select_for_update(no_key=True))
    return rows


def balance_minor(account: Account) -> int:
    """What stands on an account now, in the sense of its kind: a debt of the shop is plus."""
    total = Posting.objects.filter(account=account).aggregate(total=Sum("amount_minor"))["total"]
    return KINDS[account.kind].sign * (total or 0)


def _row(name: AccountName) -> Account:
    return Account(
        code=name.code, kind=str(name.kind), owner_id=name.owner_id, currency=name.currency
    )


def _check_balanced(source: str, lines: list[Line]) -> None:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.account.currency] += line.amount_minor
    wrong = {currency: total for currency, total in sums.items() if total}
    if wrong or not lines:
        raise UnbalancedError(f"the lines of {source} sum to {wrong or 'nothing at all'}")


def _debits(lines: list[Line]) -> set[str]:
    return {line.account.code for line in lines if line.amount_minor > 0}


def _check_covered(
    rows: Mapping[str, Account], lines: list[Line], covered: Collection[AccountName]
) -> None:
    change: Counter[str] = Counter()
    for line in lines:
        kind = KINDS[line.account.kind]
        if kind.guarded or line.account in covered:
            change[line.account.code] += kind.sign * line.amount_minor
    for code, delta in change.items():
        if delta >= 0:
            continue
        there = balance_minor(rows[code])
        if there + delta < 0:
            available = Money(there, rows[code].currency)
            raise NotEnoughError(
                _("There is %(available)s left, and this takes %(wanted)s. Nothing was booked.")
                % {"available": available, "wanted": Money(-delta, rows[code].currency)},
                available=available,
            )


def _same(entry: Entry, kind: EntryKind, lines: list[Line]) -> Entry:
    booked: Counter[_Key] = Counter(
        (posting.account.code, posting.amount_minor, str(posting.order_id or ""))
        for posting in entry.postings.select_related("account")
    )
    wanted: Counter[_Key] = Counter(
        (line.account.code, line.amount_minor, str(line.order_id or "")) for line in lines
    )
    if entry.kind != kind or booked != wanted:
        raise AlreadyBookedError(f"{entry.source} is booked already, with other lines")
    return entry
