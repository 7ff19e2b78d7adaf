"""Sellers' shares: sent after a payment, taken back after a refund, healed by the sweep."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.core.money import Money
from marketplace.ledger import services as ledger
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import ConnectedAccount, Payment, Transfer, TransferReversal
from tests.marketplace.checkout.disputing import follow, open_dispute
from tests.marketplace.checkout.paying import (
    at_stripe,
    connect,
    connected,
    onboard,
    owed,
)
from tests.marketplace.checkout.shopping import bought, deliver
from tests.marketplace.stripe_fixtures import GOOD, REFUND_FAILS, Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def paid(stripe: Emulator, user: User, *listings: Listing, card: str = GOOD) -> Bill:
    started = services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    assert started.pay_url is not None
    stripe.pay(started.pay_url, card)
    return services.settle_bill(bill_id=started.bill.pk, now=timezone.now())


def refund(order: Order, minor: int | None = None) -> Order:
    return services.refund_order(
        order_id=order.pk,
        by=order.listing.seller,
        reason="",
        amount=None if minor is None else Money(minor, order.currency),
        now=timezone.now(),
    )


def share(order: Order) -> int:
    return order.price_minor - order.fee_minor - order.pool_minor


def test_one_seller_is_paid_directly_and_the_fee_stays(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)

    order = bought(stripe, make_person(), sell(seller))

    payment = Payment.objects.get()
    assert (payment.destination, payment.application_fee_minor) == (
        account.account_id,
        order.fee_minor + order.pool_minor,
    )
    transfer = Transfer.objects.get()
    assert (transfer.is_destination, transfer.state) == (True, "succeeded")
    assert transfer.amount_minor == share(order)
    assert at_stripe(stripe, account) == share(order)
    assert owed(seller) == (share(order), share(order))
    assert list(ledger.faults()) == []


def test_two_sellers_of_one_bill_get_a_transfer_each(stripe: Emulator) -> None:
    one, other = make_seller(), make_seller("다른 가게")
    accounts = [connected(stripe, one), connected(stripe, other)]

    bill = paid(stripe, make_person(), sell(one), sell(other, title="The film"))

    assert Payment.objects.get().destination == ""
    for account, seller in zip(accounts, (one, other), strict=True):
        order = bill.orders.get(listing__seller=seller)
        assert at_stripe(stripe, account) == share(order)
        assert owed(seller) == (share(order), share(order))
    assert set(Transfer.objects.values_list("is_destination", flat=True)) == {False}


def test_a_seller_without_an_account_is_owed_and_sent_it_later(stripe: Emulator) -> None:
    seller = make_seller()
    order = bought(stripe, make_person(), sell(seller))
    account = connect(seller)
    assert owed(seller) == (share(order), 0)

    onboard(stripe, account)

    assert at_stripe(stripe, account) == share(order)
    assert owed(seller) == (share(order), share(order))


@pytest.mark.parametrize("part", [None, 3_300])
def test_a_refund_takes_the_share_of_it_back(stripe: Emulator, part: int | None) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))

    refund(order, part)

    left = owed(seller)[0]
    assert (left == 0) == (part is None)
    assert at_stripe(stripe, account) == left
    assert owed(seller) == (left, left)
    assert TransferReversal.objects.get().amount_minor == share(order) - left


def test_settling_again_sends_nothing_again(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    bill = paid(stripe, make_person(), sell(seller), sell(seller, title="The film"))
    before = at_stripe(stripe, account)

    for _ in range(3):
        services.settle_bill(bill_id=bill.pk, now=timezone.now())
        services.reconcile(now=timezone.now())

    assert at_stripe(stripe, account) == before
    assert Transfer.objects.count() == 2
    assert not TransferReversal.objects.exists()


def test_a_refund_that_came_back_is_sent_to_the_seller_again(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller), card=REFUND_FAILS)
    refund(order)
    assert at_stripe(stripe, account) == 0

    stripe.hook(f"settle/{_refund_of(stripe, order)}", succeeds=False)
    services.settle_bill(bill_id=order.bill_id, now=timezone.now())

    assert at_stripe(stripe, account) == share(order)
    assert owed(seller) == (share(order), share(order))


def _refund_of(stripe: Emulator, order: Order) -> str:
    payment = Payment.objects.get(bill_id=order.bill_id)
    stripe_id = payment.refunds.get().stripe_id
    assert stripe_id is not None
    return stripe_id


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_transfer_whose_answer_is_lost_is_made_once(stripe: Emulator, when: str) -> None:
    one, other = make_seller(), make_seller("다른 가게")
    account, _other = connected(stripe, one), connected(stripe, other)
    stripe.hook("fail_next", count=6, when=when, path="/v1/transfers", verb="POST")

    bill = paid(stripe, make_person(), sell(one), sell(other, title="The film"))
    order = bill.orders.get(listing__seller=one)
    services.reconcile(now=timezone.now())
    services.reconcile(now=timezone.now())

    assert order.state == "paid"
    assert at_stripe(stripe, account) == share(order)
    assert owed(one) == (share(order), share(order))
    assert Transfer.objects.filter(order_id=order.pk).count() == 1


def test_transfers_are_looked_for_once_stripe_has_forgotten_the_keys(stripe: Emulator) -> None:
    one, other = make_seller(), make_seller("다른 가게")
    account, _other = connected(stripe, one), connected(stripe, other)
    stripe.hook("fail_next", count=3, when="after", path="/v1/transfers", verb="POST")
    bill = paid(stripe, make_person(), sell(one), sell(other, title="The film"))
    order = bill.orders.get(listing__seller=one)
    services.reconcile(now=timezone.now())
    stripe.hook("fail_next", count=3, when="after", path="/v1/transfers", verb="POST")
    services.refund_order(order_id=order.pk, by=one, reason="", now=timezone.now())
    long_ago = timezone.now() - dt.timedelta(days=2)
    Transfer.objects.update(created_at=long_ago)
    TransferReversal.objects.update(created_at=long_ago)
    stripe.hook("clock", advance=25 * 3600)

    services.reconcile(now=timezone.now())

    assert at_stripe(stripe, account) == 0
    sent = stripe.sdk.v1.transfers.list({"transfer_group": str(bill.pk)}).data
    assert len(sent) == 2
    assert [t.amount_reversed for t in sent if t.destination == account.account_id] == [
        share(order)
    ]


def test_a_refused_account_does_not_keep_a_buyer_from_paying(stripe: Emulator) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    stripe.hook(f"settle/{account.account_id}", succeeds=False)

    order = bought(stripe, make_person(), sell(seller))

    account.refresh_from_db()
    assert (account.state, order.state) == ("rejected", "paid")
    assert Payment.objects.get(bill_id=order.bill_id).destination == ""
    assert owed(seller) == (share(order), 0)


def test_the_webhook_of_an_account_is_followed(stripe: Emulator) -> None:
    seller = make_seller()
    account = connect(seller)
    onboard(stripe, account, verdict="later")
    assert account.state == "checking"
    stripe.hook(f"settle/{account.account_id}")
    [*_, event] = stripe.events("account.updated", id=str(account.account_id))

    assert deliver(event).status_code == 200

    account.refresh_from_db()
    assert account.state == "active"


def test_money_that_went_on_to_the_bank_is_made_up_for_by_the_next_sale(stripe: Emulator) -> None:
    seller, ada = make_seller(), make_person()
    account = connected(stripe, seller)
    order = bought(stripe, ada, sell(seller))
    later = timezone.now() + dt.timedelta(days=400)
    run = services.run_payouts(now=timezone.now(), as_if=later)
    assert [payout.amount_minor for payout in run.sent] == [share(order)]

    refund(order)
    assert owed(seller) == (-share(order), 0)
    bought(stripe, ada, sell(seller, title="The film"))
    services.run_payouts(now=timezone.now(), as_if=later)
    assert owed(seller) == (0, 0)
    assert at_stripe(stripe, account) == 0
    last = bought(stripe, ada, sell(seller, title="The book"))
    run = services.run_payouts(now=timezone.now(), as_if=later)

    assert [payout.amount_minor for payout in run.sent] == [share(last)]
    assert TransferReversal.objects.filter(state="failed").count() == 0
    assert list(ledger.faults()) == []


@pytest.mark.parametrize("verdict", ["win", "lose"])
def test_a_dispute_takes_the_share_back_and_a_won_one_returns_it(
    stripe: Emulator, verdict: str
) -> None:
    seller = make_seller()
    account = connected(stripe, seller)
    order = bought(stripe, make_person(), sell(seller))

    _fill(stripe)

    dispute = open_dispute(stripe, order)
    assert at_stripe(stripe, account) == 0
    assert owed(seller) == (0, 0)
    stripe.hook(f"disputes/{dispute.stripe_id}/{verdict}")
    follow(order)

    left = share(order) if verdict == "win" else 0
    assert at_stripe(stripe, account) == left
    assert owed(seller) == (left, left)
    assert list(ledger.faults()) == []


def test_shop_credit_is_made_up_to_the_seller_by_the_platform(stripe: Emulator) -> None:
    seller, ada = make_seller(), make_person()
    account = connected(stripe, seller)
    _fill(stripe)
    ledger.grant_credit(
        user_id=ada.pk, amount=Money(9_900, "KRW"), source="t", at=timezone.now(), reason="test"
    )
    listing = sell(seller, title="The film")

    started = services.start_checkout(
        buyer=ada,
        wishes=[Wish(listing_id=listing.pk, seen=terms_of(listing).token)],
        use_credit=True,
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    services.reconcile(now=timezone.now())

    assert started.pay_url is None
    order = started.bill.orders.get()
    assert at_stripe(stripe, account) == share(order)
    assert owed(seller) == (share(order), share(order))
    assert Transfer.objects.get(order_id=order.pk).charge_id == ""


def test_a_platform_that_is_short_of_money_sends_the_share_later(stripe: Emulator) -> None:
    seller, ada = make_seller(), make_person()
    account = connected(stripe, seller)
    order = bought(stripe, ada, sell(seller))
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    _empty(stripe, connected(stripe, make_seller()))

    for _ in range(3):
        follow(order)
    assert (at_stripe(stripe, account), owed(seller)) == (0, (share(order), 0))
    assert Transfer.objects.filter(state="failed").count() == 1
    _fill(stripe)
    services.reconcile(now=timezone.now())

    assert at_stripe(stripe, account) == share(order)
    assert owed(seller) == (share(order), share(order))


def _empty(stripe: Emulator, account: ConnectedAccount) -> None:
    """Leave the platform without a won."""
    there = {part.currency: part.amount for part in stripe.sdk.v1.balance.retrieve().available}
    if there["krw"] > 0:
        stripe.sdk.v1.transfers.create(
            {
                "amount": there["krw"],
                "currency": "krw",
                "destination": account.account_id or "",
            }
        )


def _fill(stripe: Emulator) -> None:
    """Give the platform more than any test takes, by a payment that is none of the shop's."""
    price = {"currency": "krw", "unit_amount": 9_000_000, "product_data": {"name": "Money"}}
    params: Any = {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [{"quantity": 1, "price_data": price}],
    }
    stripe.pay(str(stripe.sdk.v1.checkout.sessions.create(params).url))


def test_a_sweep_asks_nothing_more_for_sales_of_who_is_paid_by_bank(stripe: Emulator) -> None:
    listing, other = sell(), make_seller("다른 가게")
    connected(stripe, other)

    def queries_of_a_sweep() -> int:
        services.reconcile(now=timezone.now())
        with CaptureQueriesContext(connection) as captured:
            services.reconcile(now=timezone.now())
        return len(captured)

    bought(stripe, make_person("ada"), listing)
    few = queries_of_a_sweep()
    for name in ("bob", "cy", "eve"):
        bought(stripe, make_person(name), listing)

    assert queries_of_a_sweep() == few
