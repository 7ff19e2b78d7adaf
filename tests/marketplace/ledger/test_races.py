"""Rivals who spend one balance: on SQLite's one write lock here, on PostgreSQL by marker."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
from django.db import DatabaseError, connection, transaction

from marketplace.core.money import Money
from marketplace.ledger import queries, services
from marketplace.ledger.errors import NotEnoughError
from marketplace.ledger.models import Account, Entry, Posting
from marketplace.ledger.types import EntryKind, chart, move
from tests.marketplace.rivals import RIVALS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
ADA = uuid.uuid4()


def grant(minor: int) -> Entry:
    return services.grant_credit(
        user_id=ADA, amount=Money(minor, "KRW"), source="gift", at=NOW, reason=""
    )


def test_rivals_never_spend_more_credit_than_there_is() -> None:
    grant(1_000)

    outcomes = at_once(
        lambda _: services.hold_credit(
            user_id=ADA, bill_id=uuid.uuid4(), amount=Money(300, "KRW"), at=NOW
        )
    )

    refused = [outcome for outcome in outcomes if isinstance(outcome, NotEnoughError)]
    assert len(refused) == RIVALS - 3
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(100, "KRW")
    assert list(services.faults()) == []


def test_rivals_hold_for_one_bill_once() -> None:
    grant(1_000)
    bill = uuid.uuid4()

    at_once(
        lambda _: services.hold_credit(user_id=ADA, bill_id=bill, amount=Money(300, "KRW"), at=NOW)
    )

    assert queries.balance(chart.credit_held(bill, "KRW")) == Money(300, "KRW")
    assert queries.balance(chart.credit(ADA, "KRW")) == Money(700, "KRW")


def test_rivals_release_once() -> None:
    grant(1_000)
    bill = uuid.uuid4()
    services.hold_credit(user_id=ADA, bill_id=bill, amount=Money(300, "KRW"), at=NOW)

    at_once(lambda _: services.release_credit(user_id=ADA, bill_id=bill, currency="KRW", at=NOW))

    assert queries.balance(chart.credit(ADA, "KRW")) == Money(1_000, "KRW")
    assert Entry.objects.filter(kind=EntryKind.CREDIT_RELEASED).count() == 1


def test_rivals_book_one_source_once() -> None:
    entries = at_once(lambda _: grant(500))

    assert {entry.pk for entry in entries} == {Entry.objects.get().pk}
    assert (Account.objects.count(), Posting.objects.count()) == (2, 2)


def test_rivals_pay_a_balance_out_once_while_a_refund_takes_of_it() -> None:
    owed, away = chart.seller(ADA, "KRW"), chart.payouts_in_transit(ADA, "KRW")
    earned = move(debit=chart.clearing("KRW"), credit=owed, minor=1_000)
    services.post(kind=EntryKind.CHARGE, source="charge", at=NOW, lines=earned)

    def rival(number: int) -> Entry:
        if number == 0:
            back = move(debit=owed, credit=chart.clearing("KRW"), minor=400)
            return services.post(kind=EntryKind.REFUND, source="refund", at=NOW, lines=back)
        return services.post(
            kind=EntryKind.PAYOUT_STARTED,
            source=f"payout:{number}",
            at=NOW,
            lines=move(debit=owed, credit=away, minor=600),
            covered=[owed],
        )

    outcomes = at_once(rival)

    assert len([o for o in outcomes[1:] if isinstance(o, NotEnoughError)]) == RIVALS - 2
    assert queries.balance(away) == Money(600, "KRW")
    assert queries.balance(owed) == Money(0, "KRW")


def test_postgresql_itself_refuses_to_change_the_books() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("triggers of PostgreSQL")
    grant(500)

    for statement in (
        "UPDATE ledger_posting SET amount_minor = amount_minor + 1",
        "DELETE FROM ledger_posting",
        "UPDATE ledger_entry SET source = 'other'",
    ):
        with (
            pytest.raises(DatabaseError, match="append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
    with pytest.raises(DatabaseError, match="does not sum to zero"), transaction.atomic():
        Posting.objects.create(
            entry=Entry.objects.get(), account=Account.objects.all()[0], amount_minor=1
        )
    assert Posting.objects.count() == 2
