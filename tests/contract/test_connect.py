"""Sellers' own accounts: opened, paid, taken back from, and paid out."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk

from tests.contract.desk import Desk


def opened(desk: Desk) -> sdk.Account:
    """An account as the shop opens it, before its owner has filled in anything."""
    try:
        return desk.api.v1.accounts.create(
            {
                "country": "DE",
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
    except sdk.InvalidRequestError as error:
        if desk.is_real and "signed up for Connect" in str(error):
            pytest.skip("the account of STRIPE_TEST_KEY has no Connect; switch it on at Stripe")
        raise


def link_of(desk: Desk, account: sdk.Account) -> str:
    return desk.api.v1.account_links.create(
        {
            "account": account.id,
            "type": "account_onboarding",
            "refresh_url": "https://shop.example/again",
            "return_url": "https://shop.example/back",
        }
    ).url


def onboarded(desk: Desk) -> str:
    emulator = desk.needs_a_person("filling in the form of an account")
    account = opened(desk)
    url = link_of(desk, account)
    emulator.http.get(url)
    form = {"first": "Jana", "last": "Wolf", "bank": "000123456789", "terms": "yes"}
    emulator.http.post(url, data={**form, "action": "done"})
    return account.id


def test_an_account_takes_no_money_before_its_owner_has_filled_in_the_form(desk: Desk) -> None:
    account = opened(desk)

    read = desk.api.v1.accounts.retrieve(account.id)
    assert link_of(desk, account).startswith("http")
    assert (read.details_submitted, read.payouts_enabled) == (False, False)
    assert account.id in [a.id for a in desk.api.v1.accounts.list({"limit": 20}).data]
    with pytest.raises(sdk.InvalidRequestError):
        desk.api.v1.transfers.create(
            {"amount": 100, "currency": desk.currency, "destination": account.id}
        )


def test_a_share_is_sent_and_a_part_of_it_taken_back(desk: Desk) -> None:
    account, charge = onboarded(desk), desk.charge()

    sent = desk.api.v1.transfers.create(
        {
            "amount": 1_000,
            "currency": desk.currency,
            "destination": account,
            "source_transaction": charge.id,
        },
        desk.key(),
    )
    back = desk.api.v1.transfers.reversals.create(sent.id, {"amount": 400})
    with pytest.raises(sdk.InvalidRequestError):
        desk.api.v1.transfers.reversals.create(sent.id, {"amount": 601})

    read = desk.api.v1.transfers.retrieve(sent.id)
    assert (read.amount, read.amount_reversed, read.reversed) == (1_000, 400, False)
    assert [r.id for r in desk.api.v1.transfers.reversals.list(sent.id).data] == [back.id]
    found = desk.api.v1.transfers.list({"destination": account}).data
    assert [transfer.id for transfer in found] == [sent.id]


def test_a_destination_charge_sends_the_share_and_keeps_the_fee(desk: Desk) -> None:
    account = onboarded(desk)

    charge = desk.charge(transfer_data={"destination": account}, application_fee_amount=125)

    read = desk.api.v1.charges.retrieve(charge.id, {"expand": ["transfer", "application_fee"]})
    transfer, fee = read.transfer, read.application_fee
    assert isinstance(transfer, sdk.Transfer)
    assert isinstance(fee, sdk.ApplicationFee)
    assert (transfer.amount, transfer.destination, fee.amount) == (1_250, account, 125)
    assert desk.api.v1.application_fees.retrieve(fee.id).amount == 125
    assert fee.id in [f.id for f in desk.api.v1.application_fees.list({"limit": 20}).data]


def test_an_account_is_paid_out(desk: Desk) -> None:
    account = onboarded(desk)
    theirs: Any = {"stripe_account": account}
    desk.api.v1.transfers.create(
        {
            "amount": 1_000,
            "currency": desk.currency,
            "destination": account,
            "source_transaction": desk.charge().id,
        }
    )

    made = desk.api.v1.payouts.create({"amount": 1_000, "currency": desk.currency}, theirs)

    def arrived() -> sdk.Payout | None:
        read = desk.api.v1.payouts.retrieve(made.id, options=theirs)
        return read if read.status == "paid" else None

    assert desk.later(arrived, seconds=10 * 24 * 3600).amount == 1_000
    assert [p.id for p in desk.api.v1.payouts.list(options=theirs).data] == [made.id]
