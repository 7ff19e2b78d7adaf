"""Rivals for a last use and for one purse, on the whole way to the hosted page."""

from __future__ import annotations

import pytest

from marketplace.checkout.errors import TermsChangedError
from marketplace.checkout.types import Started
from marketplace.discounts.errors import CodeUsedUpError
from marketplace.discounts.models import Redemption
from marketplace.ledger import services as ledger
from marketplace.orders.models import Bill, Order
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import settle
from tests.marketplace.checkout.test_codes import code_for
from tests.marketplace.checkout.test_codes import start as start_with_code
from tests.marketplace.checkout.test_credit import credit_of, payment_for, rich, start
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_eight_buyers_and_a_code_for_one(stripe: Emulator) -> None:
    listing = sell()
    code_for(listing.seller, total_limit=1)
    buyers = [make_person(f"buyer-{number}") for number in range(RIVALS)]

    outcomes = at_once(lambda number: start_with_code(buyers[number], listing))

    assert sum(isinstance(outcome, Started) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, CodeUsedUpError) for outcome in outcomes) == RIVALS - 1
    assert (Redemption.objects.count(), Bill.objects.count()) == (1, 1)


def test_one_purse_and_eight_purchases_spend_it_once(stripe: Emulator) -> None:
    ada, seller = rich(3_000), make_seller()
    listings = [sell(seller, title=f"노래 {number}") for number in range(RIVALS)]

    outcomes = at_once(lambda number: start(ada, listings[number]))

    assert all(isinstance(one, (Started, TermsChangedError)) for one in outcomes)
    assert sum(order.credit_minor for order in Order.objects.all()) == 3_000
    assert credit_of(ada) == 0
    assert list(ledger.faults()) == []


def test_a_double_click_holds_the_credit_once(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()

    outcomes = at_once(lambda _: start(ada, listing))

    assert len({one.pay_url for one in outcomes if isinstance(one, Started)}) == 1
    assert (Order.objects.get().credit_minor, credit_of(ada)) == (3_000, 0)
    payment = Payment.objects.get()
    stripe.pay(payment.checkout_url)
    at_once(lambda _: settle(payment))
    assert (Order.objects.get().state, credit_of(ada)) == ("paid", 0)
    assert list(ledger.faults()) == []


def test_a_double_click_on_what_credit_pays_in_full_gives_it_once(stripe: Emulator) -> None:
    ada, listing = rich(20_000), sell()

    at_once(lambda _: start(ada, listing))

    assert (Order.objects.get().state, credit_of(ada)) == ("paid", 10_100)
    assert payment_for(start(make_person("eve"), listing, use_credit=False)).amount_minor == 9_900
    assert list(ledger.faults()) == []
