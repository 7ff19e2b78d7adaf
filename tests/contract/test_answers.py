"""No address of the emulator is without its contract."""

from __future__ import annotations

import pytest

from marketplace.sandbox.stripe_emulator import resources
from tests.contract import test_billing as billing
from tests.contract import test_checkout as checkout
from tests.contract import test_connect as connect
from tests.contract import test_disputes as disputes
from tests.contract.desk import Desk

TOUR = [
    checkout.test_a_session_is_made_read_and_closed_once,
    checkout.test_a_charge_says_what_arrives,
    checkout.test_money_goes_back_in_parts_and_never_more_than_came,
    checkout.test_events_tell_of_it,
    checkout.test_an_endpoint_is_told_its_secret_once,
    disputes.test_a_disputed_card_takes_the_money_and_a_fee,
    disputes.test_words_and_a_file_win_it,
    disputes.test_a_dispute_may_be_accepted,
    connect.test_an_account_takes_no_money_before_its_owner_has_filled_in_the_form,
    connect.test_a_share_is_sent_and_a_part_of_it_taken_back,
    connect.test_a_destination_charge_sends_the_share_and_keeps_the_fee,
    connect.test_an_account_is_paid_out,
    billing.test_customers_products_and_prices_are_made_and_read,
    billing.test_a_month_is_paid_by_an_invoice,
    billing.test_it_ends_with_the_month_or_at_once,
    billing.test_what_cannot_be_taken_is_open_until_it_is_given_up,
]


def test_every_address_of_the_emulator_is_asked_by_a_test(desk: Desk) -> None:
    if desk.is_real:
        pytest.skip("not against the real Stripe: it is about the emulator")
    desk.line.asked.clear()

    for test in TOUR:
        test(desk)

    known = {
        (route.method, route.pattern.pattern.replace(r"(\w+)", "{id}"))
        for route in resources._ROUTES
    }
    assert sorted(known - desk.line.asked) == []
