"""Payouts: what is due is paid once, what fails is owed again, bank batches are booked once."""

from __future__ import annotations

import csv
import datetime as dt
import io
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.ledger import services as ledger
from marketplace.orders.models import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import (
    BatchPaidError,
    NotPaidByStripeError,
    PayoutNotFoundError,
)
from marketplace.payments.models import Payout, PayoutBatch, Transfer
from tests.marketplace.checkout.paying import (
    CLOSED_BANK,
    GOOD_BANK,
    at_stripe,
    connected,
    onboard,
    owed,
)
from tests.marketplace.checkout.shopping import bought, deliver
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def in_a_year() -> dt.datetime:
    return timezone.now() + dt.timedelta(days=400)


def share(order: Order) -> int:
    return order.price_minor - order.fee_minor - order.pool_minor


def bank_seller(name: str = "달빛 스튜디오") -> User:
    seller = make_seller(name)
    payments.save_bank_details(
        user=seller, country="KR", holder="한지민", bank="국민은행", number="123-45-678901"
    )
    return seller


def test_a_new_sale_waits_and_an_old_one_is_paid(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))

    assert services.run_payouts(now=timezone.now()).sent == []
    split = services.earned(seller, "KRW", now=timezone.now())
    assert (split.available, split.pending) == (0, share(order))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent

    assert (payout.state, payout.amount_minor) == ("sent", share(order))
    assert owed(seller) == (0, 0)
    assert at_stripe(stripe, account) == 0
    assert list(ledger.faults()) == []


def test_a_run_that_is_repeated_pays_nothing_again(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller)
    bought(stripe, make_person(), sell(seller))

    for _ in range(3):
        services.run_payouts(now=timezone.now(), as_if=in_a_year())

    assert Payout.objects.count() == 1


def test_the_bank_s_word_comes_by_webhook(stripe: Emulator) -> None:
    seller = make_seller()
    connected(stripe, seller)
    bought(stripe, make_person(), sell(seller))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent
    stripe.hook(f"settle/{payout.stripe_id}")
    [event] = stripe.events("payout.paid", id=str(payout.stripe_id))

    assert deliver(event).status_code == 200

    payout.refresh_from_db()
    assert payout.state == "paid"


def test_what_a_bank_sends_back_is_owed_again_and_paid_to_the_next_bank(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller, bank=CLOSED_BANK)
    order = bought(stripe, make_person(), sell(seller))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent

    stripe.hook(f"settle/{payout.stripe_id}", succeeds=False)
    services.reconcile(now=timezone.now())
    services.account_changed(str(account.account_id))

    payout.refresh_from_db()
    account.refresh_from_db()
    assert (payout.state, account.state) == ("failed", "bank")
    assert "closed" in payout.failure
    assert owed(seller) == (share(order), share(order))
    assert services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent == []

    onboard(stripe, account, bank=GOOD_BANK)
    [again] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent

    assert (again.state, again.amount_minor) == ("sent", share(order))
    assert list(ledger.faults()) == []


def test_late_news_never_moves_a_payout_back(
    stripe: Emulator, django_capture_on_commit_callbacks: Any
) -> None:
    seller = make_seller()
    connected(stripe, seller, bank=CLOSED_BANK)
    bought(stripe, make_person(), sell(seller))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent
    stripe.hook(f"settle/{payout.stripe_id}", succeeds=False)
    events = [
        *stripe.events("payout.failed", id=str(payout.stripe_id)),
        *stripe.events("payout.created", id=str(payout.stripe_id)),
    ]

    with django_capture_on_commit_callbacks(execute=True):
        for event in [*events, *events]:
            assert deliver(event).status_code == 200

    payout.refresh_from_db()
    assert payout.state == "failed"
    assert list(ledger.faults()) == []
    [letter] = [sent for sent in mail.outbox if sent.to == [seller.email]]
    assert letter.subject == "Your payout came back"
    assert "The bank account has been closed." in letter.body
    assert "/studio/get-paid/" in letter.body


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_payout_whose_answer_is_lost_is_made_once(stripe: Emulator, when: str) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))
    stripe.hook("fail_next", count=3, when=when, path="/v1/payouts", verb="POST")

    run = services.run_payouts(now=timezone.now(), as_if=in_a_year())
    assert run.failures == 1
    services.run_payouts(now=timezone.now(), as_if=in_a_year())

    payout = Payout.objects.get()
    assert (payout.state, payout.amount_minor) == ("sent", share(order))
    assert at_stripe(stripe, account) == 0
    assert owed(seller) == (0, 0)


def test_a_payout_is_looked_for_once_stripe_has_forgotten_the_key(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))
    left = bought(stripe, make_person("eve"), sell(seller))
    stripe.hook("fail_next", count=3, when="after", path="/v1/payouts", verb="POST")
    services.run_payouts(now=timezone.now(), as_if=in_a_year())
    Payout.objects.update(created_at=timezone.now() - dt.timedelta(days=2))
    stripe.hook("clock", advance=25 * 3600)

    services.run_payouts(now=timezone.now(), as_if=in_a_year())

    payout = Payout.objects.get()
    assert (payout.state, payout.amount_minor) == ("paid", share(order) + share(left))
    listed = stripe.sdk.v1.payouts.list(options={"stripe_account": account.account_id or ""}).data
    assert [one.amount for one in listed] == [payout.amount_minor]


def test_a_country_that_stripe_does_not_pay_goes_into_a_batch(
    stripe: Emulator, tmp_path: Path
) -> None:
    one, other = bank_seller(), bank_seller("=cmd()")
    payments.save_bank_details(
        user=other, country="KR", holder="＝HYPERLINK(1)", bank="신한은행", number="110 222 333444"
    )
    order = bought(stripe, make_person(), sell(one))
    bought(stripe, make_person("bob"), sell(other, title="The film"))

    run = services.run_payouts(now=timezone.now(), as_if=in_a_year())
    batch = PayoutBatch.objects.get()
    file = tmp_path / "batch.csv"
    call_command("payouts", "export", str(batch.pk), out=file)
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8-sig"))))

    assert run.sent == []
    assert {(row["bank"], row["account"], row["holder"]) for row in rows} == {
        ("국민은행", "12345678901", "한지민"),
        ("신한은행", "110222333444", "'＝HYPERLINK(1)"),
    }
    assert {row["amount"] for row in rows} == {str(share(order))}
    assert file.stat().st_mode & 0o777 == 0o600
    assert owed(one) == (0, 0)


def test_a_batch_is_marked_paid_once(stripe: Emulator) -> None:
    bought(stripe, make_person(), sell(bank_seller()))
    services.run_payouts(now=timezone.now(), as_if=in_a_year())
    batch = PayoutBatch.objects.get()

    [paid] = services.mark_batch_paid(batch.pk, now=timezone.now())
    with pytest.raises(BatchPaidError):
        services.mark_batch_paid(batch.pk, now=timezone.now())

    assert paid.batch_id == batch.pk
    assert Payout.objects.get().state == "paid"
    assert list(ledger.faults()) == []
    with pytest.raises(PayoutNotFoundError):
        services.mark_batch_paid(batch.pk + 1, now=timezone.now())


@pytest.mark.parametrize("sent", [False, True])
def test_a_bank_transfer_that_fails_is_owed_again(
    stripe: Emulator, sent: bool, django_capture_on_commit_callbacks: Any
) -> None:
    seller = bank_seller()
    order = bought(stripe, make_person(), sell(seller))
    services.run_payouts(now=timezone.now(), as_if=in_a_year())
    payout = Payout.objects.get()
    if sent:
        services.mark_batch_paid(payout.batch_id or 0, now=timezone.now())

    with django_capture_on_commit_callbacks(execute=True):
        services.return_payout(payout.pk, why="no such account", now=timezone.now())
    with pytest.raises(PayoutNotFoundError):
        services.return_payout(payout.pk, why="again", now=timezone.now())

    assert owed(seller) == (share(order), 0)
    assert list(ledger.faults()) == []
    assert payment_queries.batch_csv(PayoutBatch.objects.get()).count("\r\n") == 1
    assert [sent.subject for sent in mail.outbox if sent.to == [seller.email]] == [
        "Your payout came back"
    ]


def test_who_has_not_said_where_is_told_of_and_keeps_it(stripe: Emulator) -> None:
    seller = make_seller()
    order = bought(stripe, make_person(), sell(seller))
    out = io.StringIO()

    services.run_payouts(now=timezone.now(), as_if=in_a_year())

    run = services.run_payouts(now=timezone.now(), as_if=in_a_year())
    assert [amount.minor for amount in run.without_account] == [share(order)]
    assert owed(seller) == (share(order), 0)
    call_command("payouts", "run", stdout=out)
    assert "Nothing is due." in out.getvalue()


def test_another_day_is_for_the_sandbox_alone(settings: Settings) -> None:
    settings.SANDBOX = False

    with pytest.raises(CommandError, match="sandbox"):
        call_command("payouts", "run", "--as-if", "2030-01-01")


def test_a_refund_after_a_payout_leaves_a_debt_that_is_not_paid_out(stripe: Emulator) -> None:
    seller = bank_seller()
    order = bought(stripe, make_person(), sell(seller))
    services.run_payouts(now=timezone.now(), as_if=in_a_year())

    services.refund_order(order_id=order.pk, by=seller, reason="", now=timezone.now())
    bought(stripe, make_person("bob"), sell(seller, title="The film"))
    run = services.run_payouts(now=timezone.now(), as_if=in_a_year())

    assert owed(seller) == (0, 0)
    assert run.batched == []
    assert list(ledger.faults()) == []


def test_the_endpoint_of_sellers_accounts_has_a_secret_of_its_own(
    stripe: Emulator, settings: Settings
) -> None:
    seller = make_seller()
    connected(stripe, seller)
    bought(stripe, make_person(), sell(seller))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).sent
    stripe.hook(f"settle/{payout.stripe_id}")
    [event] = stripe.events("payout.paid", id=str(payout.stripe_id))
    other = "whsec_of_the_other_endpoint"
    assert deliver(event, secret=other).status_code == 400

    settings.STRIPE_CONNECT_WEBHOOK_SECRET = other

    assert deliver(event, secret=other).status_code == 200
    assert deliver(event).status_code == 200
    assert deliver(event, secret="whsec_nobody").status_code == 400
    payout.refresh_from_db()
    assert payout.state == "paid"


def test_who_was_paid_by_bank_is_not_sent_the_same_sales_again_by_stripe(stripe: Emulator) -> None:
    seller = bank_seller()
    bought(stripe, make_person(), sell(seller))
    [batch] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).batches.values()
    services.mark_batch_paid(batch.pk, now=timezone.now())

    with pytest.raises(NotPaidByStripeError, match="bank transfer"):
        connected(stripe, seller)
    services.run_payouts(now=timezone.now(), as_if=in_a_year())

    assert (owed(seller), Transfer.objects.count()) == ((0, 0), 0)


def test_a_bank_transfer_that_came_back_keeps_nobody_from_stripe(stripe: Emulator) -> None:
    seller = bank_seller()
    order = bought(stripe, make_person(), sell(seller))
    [payout] = services.run_payouts(now=timezone.now(), as_if=in_a_year()).batched
    services.return_payout(payout.pk, why="No such account", now=timezone.now())

    account = connected(stripe, seller)

    assert at_stripe(stripe, account) == share(order)
