"""`manage.py ledger`: the books against Stripe's, with an emulator of its own for each test."""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.models import Account, Entry, Posting
from marketplace.ledger.types import EntryKind, chart, move
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment, Refund
from tests.marketplace.checkout.disputing import follow, open_dispute
from tests.marketplace.checkout.paying import at_stripe, connected, owed
from tests.marketplace.checkout.shopping import begin, bought, settle
from tests.marketplace.checkout.subscribers import offer, subscribed
from tests.marketplace.stripe_fixtures import REFUND_FAILS, Emulator, start
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def stripe(tmp_path: Path, settings: Settings) -> Iterator[Emulator]:
    """A Stripe that nobody else has paid anything at."""
    emulator = start(tmp_path / "own-stripe.sqlite3")
    settings.STRIPE_API_BASE = emulator.base
    yield emulator
    emulator.stop()


def verify(**options: Any) -> str:
    out = io.StringIO()
    call_command("ledger", "verify", stdout=out, **{"grace": 0, **options})
    return out.getvalue()


def differences() -> list[str]:
    err = io.StringIO()
    with pytest.raises(CommandError, match="stripe reconcile"):
        call_command("ledger", "verify", grace=0, stderr=err)
    return err.getvalue().splitlines()


def refund(order: Order, minor: int | None = None) -> None:
    services.refund_order(
        order_id=order.pk,
        by=order.listing.seller,
        reason="",
        amount=None if minor is None else Money(minor, order.currency),
        key=uuid.uuid4() if minor else None,
        now=timezone.now(),
    )


def test_sales_and_refunds_agree_with_stripe(stripe: Emulator) -> None:
    listing = sell()
    refund(bought(stripe, make_person("eve"), listing), 1_000)
    back = bought(stripe, make_person("cho"), listing, card=REFUND_FAILS)
    refund(back)
    failing = Refund.objects.get(payment__bill_id=back.bill_id)
    stripe.hook(f"settle/{failing.stripe_id}", succeeds=False)
    settle(Payment.objects.get(bill_id=back.bill_id))

    said = verify()

    assert "10 entries sum to zero" in said
    assert "5 transactions and 0 sellers' accounts at Stripe were compared" in said
    assert "Sum of all accounts in KRW: ₩0" in said


def test_everything_that_stripe_does_agrees_with_the_ledger(stripe: Emulator) -> None:
    """Destination charges, transfers, disputes, payouts that fail, subscriptions, credit."""
    ada, paid_there, paid_by_bank = make_person(), make_seller(), make_seller("이웃")
    account = connected(stripe, paid_there)
    song, film, book = sell(paid_there), sell(paid_by_bank), sell(paid_there)
    refund(bought(stripe, ada, song), 2_501)
    give_credit(ada, 3_000)
    started = services.start_checkout(
        buyer=ada,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in (film, book)],
        use_credit=True,
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    stripe.pay(started.pay_url or "")
    services.settle_bill(bill_id=started.bill.pk, now=timezone.now())
    intent = Payment.objects.get(bill_id=started.bill.pk).payment_intent_id or ""
    stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": 4_001})
    services.settle_bill(bill_id=started.bill.pk, now=timezone.now())
    won, lost = (bought(stripe, make_person(name), song) for name in ("won", "lost"))
    for order, verb in ((won, "win"), (lost, "lose")):
        dispute = open_dispute(stripe, order)
        stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
        follow(order)
    subscriber = subscribed(stripe, make_person("sub"), offer())
    subscriber.renew()
    late = timezone.now() + dt.timedelta(days=400)
    services.run_payouts(now=timezone.now(), as_if=late)
    services.reconcile(now=timezone.now())

    said = verify()

    assert "1 sellers' accounts" in said
    assert "Sum of all accounts in KRW: ₩0" in said
    assert at_stripe(stripe, account) == owed(paid_there)[1]
    kinds = set(Entry.objects.values_list("kind", flat=True))
    assert kinds >= {
        "charge", "settlement", "refund", "refund_settled", "renewal", "transfer",
        "transfer_reversed", "application_fee", "dispute_opened", "dispute_won", "payout_started",
        "payout_sent", "credit_granted", "credit_held",
    }  # fmt: skip


def give_credit(user: User, minor: int) -> None:
    ledger.grant_credit(
        user_id=user.pk,
        amount=Money(minor, "KRW"),
        source=f"gift:{user.pk}",
        at=timezone.now(),
        reason="sorry",
    )


def test_each_difference_is_named_and_reconciling_heals_what_was_lost(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    order = bought(stripe, make_person("eve"), listing)
    charged = Payment.objects.get(bill_id=order.bill_id)
    for number, minor in ((1, 5), (2, 7)):
        ledger.post(
            kind=EntryKind.BANK,
            source=f"bank:{number}",
            at=timezone.now(),
            external="txn_ghost" if number == 1 else charged.balance_transaction_id,
            lines=move(debit=chart.bank("KRW"), credit=chart.stripe("KRW"), minor=minor),
        )

    amount, ghost, lost = sorted(differences())

    [transaction] = [
        one
        for one in stripe.sdk.v1.balance_transactions.list({"limit": 100}).data
        if one.id != charged.balance_transaction_id
    ]
    assert lost == (
        f"Missing here: {transaction.id} at Stripe, charge of {transaction.source}, ₩9,313."
    )
    assert amount == (
        f"Amount differs: {charged.balance_transaction_id} is ₩9,313 at Stripe and ₩9,306 in the"
        f" ledger (settlement:{charged.bill_id}, bank:2)."
    )
    assert ghost == "Missing at Stripe: txn_ghost, −₩5 in the ledger (bank:1)."

    services.reconcile(now=timezone.now())

    assert [line.partition(":")[0] for line in differences()] == [
        "Amount differs", "Missing at Stripe",
    ]  # fmt: skip


def test_what_stripe_has_just_booked_may_still_be_on_its_way(stripe: Emulator) -> None:
    payment = begin(make_person(), sell())
    stripe.pay(payment.checkout_url)

    assert "1 of them are too young to be missed" in verify(grace=600)


def test_a_ledger_that_is_not_whole_fails_without_stripe(settings: Settings) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    entry = Entry.objects.create(kind="charge", source="by hand", at=timezone.now())
    account = Account.objects.create(code="bank:KRW", kind="bank", currency="KRW")
    Posting.objects.create(entry=entry, account=account, amount_minor=5)
    err = io.StringIO()

    with pytest.raises(CommandError, match="1 differences"):
        call_command("ledger", "verify", offline=True, stderr=err)

    assert err.getvalue() == "Entry by hand does not sum to zero: ₩5 too much.\n"


def test_while_stripe_is_away_it_says_so(settings: Settings) -> None:
    settings.STRIPE_API_BASE = "http://127.0.0.1:9"

    with pytest.raises(CommandError, match="Stripe could not be read"):
        call_command("ledger", "verify")


def test_balances_are_shown_by_kind(stripe: Emulator) -> None:
    out = io.StringIO()
    call_command("ledger", "balances", stdout=out)
    assert out.getvalue() == "The ledger is empty.\n"
    bought(stripe, make_person(), sell())

    out = io.StringIO()
    call_command("ledger", "balances", stdout=out)

    rows = {line.split()[0]: line.split()[1] for line in out.getvalue().splitlines()}
    assert rows == {
        "platform_fees": "₩990",
        "pool": "₩297",
        "processing_fees": "₩587",
        "seller": "₩8,613",
        "stripe": "₩9,313",
        "stripe_clearing": "₩0",
    }


def test_what_stripe_pays_to_the_shops_own_bank_is_booked_by_the_sweep(stripe: Emulator) -> None:
    bought(stripe, make_person(), sell())
    paid = stripe.sdk.v1.payouts.create({"amount": 5_000, "currency": "krw"})
    failed = stripe.sdk.v1.payouts.create({"amount": 1_000, "currency": "krw"})
    stripe.hook(f"settle/{failed.id}", succeeds=False)

    named = differences()
    for _ in range(2):
        services.reconcile(now=timezone.now())

    assert len([line for line in named if "Missing here" in line]) == 3
    assert any(str(paid.id) in line for line in named)
    assert verify().startswith("The ledger is whole")
    assert books.balance(chart.bank("KRW")) == Money(5_000, "KRW")
