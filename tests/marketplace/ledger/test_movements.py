"""Money between the platform, a seller's account at Stripe, and banks."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest

from marketplace.core.money import Money
from marketplace.ledger import queries, services
from marketplace.ledger.errors import NotEnoughError
from marketplace.ledger.types import AccountName, EntryKind, chart, move

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 25, 12, tzinfo=dt.UTC)
MARY = uuid.uuid4()
OWED, AT_STRIPE = chart.seller(MARY, "USD"), chart.connected(MARY, "USD")


def standing(*accounts: AccountName) -> list[int]:
    return [queries.balance(account).minor for account in accounts]


def earn(minor: int) -> None:
    """A sale without fees that is settled."""
    services.post(
        kind=EntryKind.CHARGE,
        source=f"charge:{minor}",
        at=NOW,
        lines=move(debit=chart.stripe("USD"), credit=OWED, minor=minor),
    )


def test_a_destination_charge_ends_with_the_share_at_the_seller() -> None:
    services.post(
        kind=EntryKind.CHARGE,
        source="charge:1",
        at=NOW,
        lines=[
            *move(debit=chart.stripe("USD"), credit=OWED, minor=900),
            *move(debit=chart.stripe("USD"), credit=chart.platform_fees("USD"), minor=100),
        ],
    )

    services.book_transfer(
        transfer="t", seller_id=MARY, amount=Money(1_000, "USD"), external="txn_1", at=NOW
    )
    services.book_application_fee(
        fee="f", seller_id=MARY, amount=Money(100, "USD"), external="txn_2", at=NOW
    )

    assert standing(AT_STRIPE, OWED, chart.stripe("USD")) == [900, 900, 100]

    services.book_transfer_reversal(
        reversal="r", seller_id=MARY, amount=Money(1_000, "USD"), external="txn_3", at=NOW
    )
    services.book_application_fee_refund(
        refund="fr", seller_id=MARY, amount=Money(100, "USD"), external="txn_4", at=NOW
    )

    assert standing(AT_STRIPE, chart.stripe("USD")) == [0, 1_000]
    assert list(services.faults()) == []


def test_a_payout_is_started_sent_and_comes_back() -> None:
    earn(900)
    amount = Money(900, "USD")
    services.book_transfer(transfer="t", seller_id=MARY, amount=amount, external="txn_1", at=NOW)

    for _ in range(2):
        services.start_payout(payout="p", seller_id=MARY, amount=amount, at=NOW)
    assert standing(OWED, chart.payouts_in_transit(MARY, "USD"), AT_STRIPE) == [0, 900, 900]

    services.book_payout_sent(payout="p", seller_id=MARY, amount=amount, at=NOW, external="txn_2")
    assert standing(OWED, chart.payouts_in_transit(MARY, "USD"), AT_STRIPE) == [0, 0, 0]

    services.book_payout_returned(
        payout="p", seller_id=MARY, amount=amount, at=NOW, external="txn_3"
    )
    assert standing(OWED, chart.payouts_in_transit(MARY, "USD"), AT_STRIPE) == [900, 0, 900]


def test_a_payout_that_was_never_sent_comes_back_from_the_way() -> None:
    earn(900)
    amount = Money(900, "USD")
    services.start_payout(payout="p", seller_id=MARY, amount=amount, at=NOW)

    services.book_payout_returned(payout="p", seller_id=MARY, amount=amount, at=NOW, sent=False)

    assert standing(OWED, chart.payouts_in_transit(MARY, "USD"), AT_STRIPE) == [900, 0, 0]


def test_a_bank_batch_pays_from_the_bank() -> None:
    earn(900)
    amount = Money(900, "USD")
    services.book_to_bank(amount=amount, external="txn_1", at=NOW)
    services.start_payout(payout="p", seller_id=MARY, amount=amount, at=NOW)

    services.book_payout_sent(payout="p", seller_id=MARY, amount=amount, at=NOW, by_bank=True)

    assert standing(chart.bank("USD"), chart.stripe("USD"), OWED) == [0, 0, 0]


def test_more_than_is_owed_is_not_paid_out() -> None:
    earn(900)

    with pytest.raises(NotEnoughError):
        services.start_payout(payout="p", seller_id=MARY, amount=Money(901, "USD"), at=NOW)

    assert standing(OWED, chart.payouts_in_transit(MARY, "USD")) == [900, 0]
