"""Payouts, refunds and transfers at once: each is made once, and the books add up."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from marketplace.checkout import services
from marketplace.ledger import services as ledger
from marketplace.payments import services as payments
from marketplace.payments.models import Payout, PayoutBatch, Refund, Transfer, TransferReversal
from tests.marketplace.checkout.paying import at_stripe, connected, owed
from tests.marketplace.checkout.shopping import begin, bought
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def in_a_year() -> dt.datetime:
    return timezone.now() + dt.timedelta(days=400)


def run(_: int = 0) -> Any:
    return services.run_payouts(now=timezone.now(), as_if=in_a_year())


def test_runs_at_once_pay_a_seller_once(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))

    at_once(run)

    payout = Payout.objects.get()
    assert payout.amount_minor == order.price_minor - order.fee_minor - order.pool_minor
    assert at_stripe(stripe, account) == 0
    assert owed(seller) == (0, 0)
    assert list(ledger.faults()) == []


def test_runs_at_once_make_one_batch_payout(stripe: Emulator) -> None:
    seller = make_seller()
    payments.save_bank_details(
        user=seller, country="KR", holder="한지민", bank="국민은행", number="123-45-678901"
    )
    bought(stripe, make_person(), sell(seller))

    at_once(run)

    assert Payout.objects.count() == 1
    assert owed(seller) == (0, 0)


def test_a_batch_is_marked_paid_by_one(stripe: Emulator) -> None:
    seller = make_seller()
    payments.save_bank_details(
        user=seller, country="KR", holder="한지민", bank="국민은행", number="123-45-678901"
    )
    bought(stripe, make_person(), sell(seller))
    run()
    number = PayoutBatch.objects.get().pk

    answers = at_once(lambda _: services.mark_batch_paid(number, now=timezone.now()))

    assert len([answer for answer in answers if isinstance(answer, list)]) == 1
    assert list(ledger.faults()) == []


def test_a_payout_during_a_refund_leaves_books_that_add_up(stripe: Emulator) -> None:
    seller, ada = make_seller(), make_person()
    account = connected(stripe, seller)
    order = bought(stripe, ada, sell(seller))
    share = order.price_minor - order.fee_minor - order.pool_minor

    def refund() -> Any:
        return services.refund_order(order_id=order.pk, by=seller, reason="", now=timezone.now())

    ways: list[Callable[[], Any]] = [run, refund] * (RIVALS // 2)
    at_once(lambda number: ways[number]())
    services.reconcile(now=timezone.now())

    order.refresh_from_db()
    assert order.state == "refunded"
    assert Refund.objects.get().state == "succeeded"
    paid = sum(payout.amount_minor for payout in Payout.objects.exclude(state="failed"))
    back = sum(
        reversal.amount_minor for reversal in TransferReversal.objects.filter(state="succeeded")
    )
    # The money went one of the two ways, and not both.
    assert paid + back == share
    assert owed(seller) == (-paid, 0)
    assert at_stripe(stripe, account) == 0
    assert list(ledger.faults()) == []


def test_a_share_is_sent_once_however_many_settle(stripe: Emulator) -> None:
    one, other = make_seller(), make_seller("다른 가게")
    account = connected(stripe, one)
    connected(stripe, other)
    payment = begin(make_person(), sell(one))
    stripe.pay(payment.checkout_url)

    at_once(lambda _: services.settle_bill(bill_id=payment.bill_id, now=timezone.now()))

    assert Transfer.objects.count() == 1
    assert at_stripe(stripe, account) == owed(one)[0] == owed(one)[1]
    assert list(ledger.faults()) == []


def test_transfers_of_a_seller_who_is_ready_now_are_made_once(stripe: Emulator) -> None:
    seller, ada = make_seller(), make_person()
    bought(stripe, ada, sell(seller))
    bought(stripe, ada, sell(seller, title="The film"))
    account = connected(stripe, seller)
    stripe_id = str(account.account_id)

    at_once(lambda _: services.account_changed(stripe_id))

    assert Transfer.objects.filter(state="succeeded").count() == 2
    assert at_stripe(stripe, account) == owed(seller)[0] == owed(seller)[1]
