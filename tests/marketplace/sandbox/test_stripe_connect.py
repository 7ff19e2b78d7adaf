"""Connect in the emulator: onboarding, transfers, destination charges, payouts."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk

from marketplace.sandbox.stripe_emulator.shapes import mismatches
from tests.marketplace.stripe_fixtures import Emulator

GOOD_BANK, CLOSED_BANK = "000123456789", "000111111113"


def account(stripe: Emulator, country: str = "DE") -> sdk.Account:
    return stripe.sdk.v1.accounts.create(
        {
            "country": country,
            "email": "press@example.org",
            "controller": {
                "fees": {"payer": "application"},
                "losses": {"payments": "application"},
                "stripe_dashboard": {"type": "express"},
            },
            "capabilities": {"transfers": {"requested": True}},
            "settings": {"payouts": {"schedule": {"interval": "manual"}}},
        }
    )


def link(stripe: Emulator, account_id: str) -> sdk.AccountLink:
    return stripe.sdk.v1.account_links.create(
        {
            "account": account_id,
            "type": "account_onboarding",
            "refresh_url": "http://shop.test/again",
            "return_url": "http://shop.test/back",
        }
    )


def onboard(stripe: Emulator, account_id: str, **typed: str) -> None:
    url = link(stripe, account_id).url
    assert stripe.http.get(url).status_code == 200
    form = {"first": "Jana", "last": "Wolf", "bank": GOOD_BANK, "terms": "yes", "action": "done"}
    answer = stripe.http.post(url, data={**form, **typed})
    assert answer.headers["location"] == "http://shop.test/back"


def onboarded(stripe: Emulator, **typed: str) -> str:
    account_id = account(stripe).id
    onboard(stripe, account_id, **typed)
    return account_id


def paid_charge(stripe: Emulator, amount: int = 10_000, **intent: Any) -> sdk.Charge:
    price = {"currency": "eur", "unit_amount": amount, "product_data": {"name": "Book"}}
    params: Any = {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [{"quantity": 1, "price_data": price}],
        "payment_intent_data": intent,
    }
    session = stripe.sdk.v1.checkout.sessions.create(params)
    assert session.url is not None
    stripe.pay(session.url)
    session = stripe.sdk.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert isinstance(session.payment_intent, sdk.PaymentIntent)
    assert isinstance(session.payment_intent.latest_charge, sdk.Charge)
    return session.payment_intent.latest_charge


def balance(stripe: Emulator, account_id: str) -> int:
    """In euro cents."""
    found = stripe.sdk.v1.balance.retrieve(options={"stripe_account": account_id})
    return sum(part.amount for part in found.available if part.currency == "eur")


def test_an_account_receives_nothing_before_its_owner_was_checked(stripe: Emulator) -> None:
    made = account(stripe)
    charge = paid_charge(stripe)

    assert (made.details_submitted, made.payouts_enabled) == (False, False)
    assert made.capabilities is not None
    assert made.capabilities.transfers == "inactive"
    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.transfers.create(
            {
                "amount": 100,
                "currency": "eur",
                "destination": made.id,
                "source_transaction": charge.id,
            }
        )
    assert refused.value.code == "insufficient_capabilities_for_transfer"

    onboard(stripe, made.id)

    made = stripe.sdk.v1.accounts.retrieve(made.id)
    assert (made.details_submitted, made.payouts_enabled) == (True, True)
    assert made.capabilities is not None
    assert made.capabilities.transfers == "active"
    assert mismatches(sdk.Account, made.to_dict()) == []


@pytest.mark.parametrize("country", ["KR", "JP", "BR"])
def test_a_country_that_stripe_does_not_pay_is_refused(stripe: Emulator, country: str) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        account(stripe, country)

    assert refused.value.code == "country_unsupported"


def test_a_link_opens_once_and_then_asks_for_a_new_one(stripe: Emulator) -> None:
    made = account(stripe)
    opened = link(stripe, made.id)
    assert mismatches(sdk.AccountLink, opened.to_dict()) == []
    assert stripe.http.get(opened.url).status_code == 200

    again = stripe.http.get(opened.url)

    assert again.headers["location"] == "http://shop.test/again"


def test_what_is_saved_for_later_changes_nothing(stripe: Emulator) -> None:
    made = account(stripe)

    onboard(stripe, made.id, action="later")

    assert not stripe.sdk.v1.accounts.retrieve(made.id).details_submitted


def test_a_refused_account_says_so(stripe: Emulator) -> None:
    account_id = onboarded(stripe, verdict="rejected")

    made = stripe.sdk.v1.accounts.retrieve(account_id)

    assert made.requirements is not None
    assert made.requirements.disabled_reason == "rejected.other"
    assert not made.payouts_enabled
    assert [e["account"] for e in stripe.events("account.updated", id=account_id)] == [
        account_id,
        account_id,
    ]


def test_a_transfer_moves_money_and_its_reversal_brings_it_back(stripe: Emulator) -> None:
    account_id = onboarded(stripe)
    charge = paid_charge(stripe)

    sent = stripe.sdk.v1.transfers.create(
        {
            "amount": 8_000,
            "currency": "eur",
            "destination": account_id,
            "source_transaction": charge.id,
            "metadata": {"transfer": "1"},
        }
    )
    assert balance(stripe, account_id) == 8_000
    reversal = stripe.sdk.v1.transfers.reversals.create(sent.id, {"amount": 3_000})

    assert balance(stripe, account_id) == 5_000
    sent = stripe.sdk.v1.transfers.retrieve(sent.id)
    assert (sent.amount_reversed, sent.reversed) == (3_000, False)
    for answer in (sent, reversal):
        assert mismatches(type(answer), answer.to_dict()) == []
    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.transfers.reversals.create(sent.id, {"amount": 5_001})


def test_transfers_of_a_charge_are_at_most_the_charge(stripe: Emulator) -> None:
    account_id = onboarded(stripe)
    charge = paid_charge(stripe, 1_000)
    params: Any = {
        "amount": 600,
        "currency": "eur",
        "destination": account_id,
        "source_transaction": charge.id,
    }
    stripe.sdk.v1.transfers.create(params)

    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.transfers.create(params)
    assert balance(stripe, account_id) == 600


def test_a_destination_charge_leaves_the_fee_with_the_platform(stripe: Emulator) -> None:
    account_id = onboarded(stripe)

    charge = paid_charge(
        stripe, application_fee_amount=1_500, transfer_data={"destination": account_id}
    )

    assert balance(stripe, account_id) == 8_500
    assert charge.application_fee_amount == 1_500
    assert isinstance(charge.application_fee, str)
    fee = stripe.sdk.v1.application_fees.retrieve(charge.application_fee)
    assert mismatches(sdk.ApplicationFee, fee.to_dict()) == []
    assert mismatches(sdk.Charge, charge.to_dict()) == []


def test_a_refund_takes_transfer_and_fee_back_when_it_says_so(stripe: Emulator) -> None:
    account_id = onboarded(stripe)
    charge = paid_charge(
        stripe, application_fee_amount=1_500, transfer_data={"destination": account_id}
    )

    part = stripe.sdk.v1.refunds.create(
        {
            "charge": charge.id,
            "amount": 5_000,
            "reverse_transfer": True,
            "refund_application_fee": True,
        }
    )
    assert part.transfer_reversal is not None
    assert balance(stripe, account_id) == 4_250
    rest = stripe.sdk.v1.refunds.create({"charge": charge.id})

    assert rest.transfer_reversal is None
    assert balance(stripe, account_id) == 4_250


def test_a_session_for_an_account_that_cannot_receive_is_refused(stripe: Emulator) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        paid_charge(stripe, transfer_data={"destination": account(stripe).id})

    assert refused.value.code == "insufficient_capabilities_for_transfer"


def test_a_payout_leaves_the_balance_and_arrives(stripe: Emulator) -> None:
    account_id = onboarded(stripe)
    paid_charge(stripe, transfer_data={"destination": account_id})

    payout = stripe.sdk.v1.payouts.create(
        {"amount": 9_000, "currency": "eur"}, {"stripe_account": account_id}
    )
    assert (payout.status, balance(stripe, account_id)) == ("pending", 1_000)
    assert mismatches(sdk.Payout, payout.to_dict()) == []
    stripe.hook(f"settle/{payout.id}")

    payout = stripe.sdk.v1.payouts.retrieve(payout.id, options={"stripe_account": account_id})
    assert payout.status == "paid"
    assert [e["account"] for e in stripe.events("payout.paid", id=payout.id)] == [account_id]
    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.payouts.create(
            {"amount": 1_001, "currency": "eur"}, {"stripe_account": account_id}
        )
    assert refused.value.code == "balance_insufficient"
    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.payouts.retrieve(payout.id)  # the platform has no such payout


def test_a_bank_that_sends_money_back_stops_payouts_until_it_is_replaced(stripe: Emulator) -> None:
    account_id = onboarded(stripe, bank=CLOSED_BANK)
    paid_charge(stripe, transfer_data={"destination": account_id})
    payout = stripe.sdk.v1.payouts.create(
        {"amount": 10_000, "currency": "eur"}, {"stripe_account": account_id}
    )

    stripe.hook(f"settle/{payout.id}", succeeds=False)

    payout = stripe.sdk.v1.payouts.retrieve(payout.id, options={"stripe_account": account_id})
    assert (payout.status, payout.failure_code) == ("failed", "account_closed")
    assert balance(stripe, account_id) == 10_000
    made = stripe.sdk.v1.accounts.retrieve(account_id)
    assert not made.payouts_enabled
    assert made.requirements is not None
    assert made.requirements.currently_due == ["external_account"]
    onboard(stripe, account_id)
    assert stripe.sdk.v1.accounts.retrieve(account_id).payouts_enabled


def test_the_books_of_an_account_add_up_to_its_balance(stripe: Emulator) -> None:
    account_id = onboarded(stripe)
    paid_charge(stripe, application_fee_amount=333, transfer_data={"destination": account_id})

    booked = stripe.sdk.v1.balance_transactions.list(options={"stripe_account": account_id}).data

    assert sum(transaction.net for transaction in booked) == balance(stripe, account_id) == 9_667
    for transaction in booked:
        assert mismatches(sdk.BalanceTransaction, transaction.to_dict()) == []


def test_an_unknown_account_is_not_ours(stripe: Emulator) -> None:
    with pytest.raises(sdk.PermissionError):
        stripe.sdk.v1.balance.retrieve(options={"stripe_account": "acct_none"})
