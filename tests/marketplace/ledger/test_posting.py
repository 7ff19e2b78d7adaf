"""What is booked: once, in balance, and never overdrawn."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.utils import timezone
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase as DjangoCase

from marketplace.core.append_only import AppendOnlyError
from marketplace.core.errors import InvalidError
from marketplace.core.money import Money
from marketplace.ledger import queries, services
from marketplace.ledger.errors import AlreadyBookedError, NotEnoughError, UnbalancedError
from marketplace.ledger.models import Account, Entry, Posting
from marketplace.ledger.types import AccountKind, AccountName, EntryKind, Line, chart, move

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
ADA, BILL, ORDER = uuid.uuid4(), uuid.uuid4(), uuid.uuid4()


def grant(minor: int, *, user_id: uuid.UUID = ADA, source: str = "gift") -> Entry:
    return services.grant_credit(
        user_id=user_id, amount=Money(minor, "KRW"), source=source, at=NOW, reason="sorry"
    )


@pytest.mark.django_db
def test_an_entry_moves_money_between_accounts() -> None:
    entry = services.post(
        kind=EntryKind.CHARGE,
        source="charge:1",
        at=NOW,
        external="ch_1",
        lines=[
            Line(chart.clearing("KRW"), 10_000),
            Line(chart.seller(ADA, "KRW"), -9_000, ORDER),
            Line(chart.platform_fees("KRW"), -1_000, ORDER),
            Line(chart.tax("KRW"), 0, ORDER),
        ],
    )

    assert entry.postings.count() == 3
    assert queries.balance(chart.clearing("KRW")) == Money(10_000, "KRW")
    assert queries.balance(chart.seller(ADA, "KRW")) == Money(9_000, "KRW")
    assert queries.balance(chart.tax("KRW")) == Money(0, "KRW")
    assert queries.balances_of(ADA, AccountKind.SELLER) == [Money(9_000, "KRW")]
    parts = queries.order_parts([ORDER], [AccountKind.SELLER, AccountKind.PLATFORM_FEES])
    assert parts == {ORDER: {AccountKind.SELLER: 9_000, AccountKind.PLATFORM_FEES: 1_000}}
    assert queries.external_totals([AccountKind.CLEARING]) == {("ch_1", "KRW"): 10_000}
    assert list(services.faults()) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line(chart.bank("KRW"), 0)],
        [Line(chart.bank("KRW"), 5), Line(chart.stripe("KRW"), -4)],
        [Line(chart.bank("KRW"), 5), Line(chart.stripe("USD"), -5)],
    ],
    ids=["nothing", "zeros", "unequal", "two currencies"],
)
def test_what_does_not_sum_to_zero_is_refused(lines: list[Line]) -> None:
    with pytest.raises(UnbalancedError):
        services.post(kind=EntryKind.BANK, source="bank:1", at=NOW, lines=lines)

    assert (Entry.objects.count(), Account.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_a_source_is_booked_once() -> None:
    first = grant(500)

    assert grant(500) == first
    with pytest.raises(AlreadyBookedError):
        grant(501)
    with pytest.raises(AlreadyBookedError):
        services.post(
            kind=EntryKind.ADJUSTMENT,
            source="gift",
            at=NOW,
            lines=move(
                debit=chart.credit_granted("KRW"), credit=chart.credit(ADA, "KRW"), minor=500
            ),
        )
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(500, "KRW")


@pytest.mark.django_db
def test_credit_is_not_overdrawn() -> None:
    grant(500)

    with pytest.raises(NotEnoughError) as refused:
        services.hold_credit(user_id=ADA, bill_id=BILL, amount=Money(501, "KRW"), at=NOW)

    assert refused.value.available == Money(500, "KRW")
    assert "₩500" in str(refused.value)
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(500, "KRW")
    assert Entry.objects.count() == 1


@pytest.mark.django_db
def test_a_covered_account_is_not_overdrawn_and_any_other_may_be() -> None:
    owed = chart.seller(ADA, "KRW")
    taken = list(move(debit=owed, credit=chart.payouts_in_transit(ADA, "KRW"), minor=10))

    with pytest.raises(NotEnoughError):
        services.post(
            kind=EntryKind.PAYOUT_STARTED, source="p:1", at=NOW, lines=taken, covered=[owed]
        )
    services.post(kind=EntryKind.REFUND, source="r:1", at=NOW, lines=taken)

    assert queries.balance(owed) == Money(-10, "KRW")


@pytest.mark.django_db
def test_credit_is_held_released_and_held_again() -> None:
    grant(500)
    held = chart.credit_held(BILL, "KRW")

    services.hold_credit(user_id=ADA, bill_id=BILL, amount=Money(300, "KRW"), at=NOW)
    again = services.hold_credit(user_id=ADA, bill_id=BILL, amount=Money(300, "KRW"), at=NOW)
    assert again is None
    assert queries.balance(held) == Money(300, "KRW")
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(200, "KRW")

    for _ in range(2):
        services.release_credit(user_id=ADA, bill_id=BILL, currency="KRW", at=NOW)
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(500, "KRW")

    services.hold_credit(user_id=ADA, bill_id=BILL, amount=Money(400, "KRW"), at=NOW)
    assert queries.balance(held) == Money(400, "KRW")


@pytest.mark.django_db
def test_credit_of_nothing_is_refused() -> None:
    with pytest.raises(InvalidError):
        grant(0)

    assert not Entry.objects.exists()


@pytest.mark.django_db
def test_entries_are_neither_changed_nor_deleted() -> None:
    entry = grant(500)

    entry.memo = "another"
    with pytest.raises(AppendOnlyError):
        entry.save()
    with pytest.raises(AppendOnlyError):
        Posting.objects.all().delete()
    with pytest.raises(AppendOnlyError):
        Account.objects.update(currency="USD")


@pytest.mark.django_db
def test_a_statement_runs_from_the_newest_with_the_balance_after_each() -> None:
    grant(500)
    grant(200, source="another")
    services.hold_credit(user_id=ADA, bill_id=BILL, amount=Money(300, "KRW"), at=NOW)

    rows = queries.owner_statement(ADA, AccountKind.CREDIT, "KRW")

    found = queries.with_balances(list(rows))
    shown = [(row.entry.kind, -row.amount_minor, after.minor) for row, after in found]
    assert shown == [
        ("credit_held", -300, 400),
        ("credit_granted", 200, 700),
        ("credit_granted", 500, 500),
    ]
    assert queries.with_balances(list(rows[1:2])) == found[1:2]
    assert queries.with_balances(list(rows[1:]), newest=Money(700, "KRW")) == found[1:]
    assert queries.with_balances([]) == []


@pytest.mark.django_db
def test_totals_are_by_kind_and_currency() -> None:
    grant(500)
    grant(200, user_id=uuid.uuid4(), source="another")

    found = {(row.kind, str(row.total), row.accounts) for row in queries.totals()}

    assert found == {("credit", "₩700", 2), ("credit_granted", "₩700", 1)}


@pytest.mark.django_db
def test_what_is_left_of_each_sale_since_a_day() -> None:
    owed = chart.seller(ADA, "KRW")
    orders = [uuid.uuid4() for _ in range(4)]

    def book(kind: EntryKind, order: uuid.UUID, minor: int, days: int) -> None:
        services.post(
            kind=kind,
            source=f"{kind}:{order}:{days}",
            at=NOW - dt.timedelta(days=days),
            lines=[Line(chart.clearing("KRW"), minor), Line(owed, -minor, order)],
        )

    book(EntryKind.CHARGE, orders[0], 1_000, 50)
    book(EntryKind.CHARGE, orders[1], 2_000, 9)
    book(EntryKind.REFUND, orders[1], -500, 8)
    book(EntryKind.CHARGE, orders[2], 300, 40)
    book(EntryKind.REFUND, orders[2], -300, 5)
    book(EntryKind.RENEWAL, orders[3], 300, 10)

    found = queries.earned_since(ADA, "KRW", since=NOW - dt.timedelta(days=30))

    assert [((NOW - at).days, minor) for at, minor in found] == [(10, 300), (9, 1_500)]


@pytest.mark.django_db
def test_checking_names_what_got_past_the_services() -> None:
    grant(500)
    entry = Entry.objects.create(kind="charge", source="by hand", at=NOW)
    Entry.objects.create(kind="charge", source="empty", at=NOW)
    row = Account.objects.get(kind="credit")
    # On PostgreSQL the database refuses this by itself.
    Posting.objects.create(entry=entry, account=row, amount_minor=900)
    Account.objects.create(code="odd", kind="nonsense", currency="KRW")
    Account.objects.create(code="tax", kind="tax", currency="KRW")

    assert list(services.faults()) == [
        "Entry by hand does not sum to zero: ₩900 too much.",
        "Entry empty has no postings.",
        "Account odd is of no known kind: nonsense.",
        "Account tax does not bear its own name.",
        f"Account {row.code} is overdrawn by ₩400.",
    ]


ACCOUNTS = [
    make(currency)
    for currency in ("KRW", "USD")
    for make in (chart.stripe, chart.clearing, chart.platform_fees, chart.bank)
] + [chart.seller(ADA, "KRW"), chart.credit(ADA, "KRW"), chart.credit_held(BILL, "KRW")]

LINES = st.lists(
    st.tuples(st.sampled_from(ACCOUNTS), st.integers(-(10**12), 10**12)), min_size=1, max_size=6
)


def balanced(drawn: list[tuple[AccountName, int]]) -> list[Line]:
    """The drawn lines, and for each currency one more that brings the sum to zero."""
    lines = [Line(account, minor) for account, minor in drawn]
    for currency in ("KRW", "USD"):
        rest = sum(line.amount_minor for line in lines if line.account.currency == currency)
        lines.append(Line(chart.tax(currency), -rest))
    return lines


class TestAnySchedule(DjangoCase):
    """Hypothesis needs a transaction of its own for each example, hence the class."""

    @settings(deadline=None)  # each example goes to the database
    @given(st.lists(st.tuples(LINES, st.booleans()), max_size=6))
    def test_sums_to_zero_and_never_overdraws(
        self, schedule: list[tuple[list[tuple[AccountName, int]], bool]]
    ) -> None:
        for number, (drawn, twice) in enumerate(schedule):
            for _ in range(2 if twice else 1):
                try:
                    services.post(
                        kind=EntryKind.ADJUSTMENT,
                        source=f"entry:{number}",
                        at=timezone.now(),
                        lines=balanced(drawn),
                    )
                except (NotEnoughError, UnbalancedError):
                    assert queries.booked([f"entry:{number}"]) == set()

        assert list(services.faults()) == []
        assert sum(p.amount_minor for p in Posting.objects.all()) == 0
        for account in (chart.credit(ADA, "KRW"), chart.credit_held(BILL, "KRW")):
            assert queries.balance(account).minor >= 0
