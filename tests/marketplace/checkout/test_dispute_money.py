"""Where a disputed payment's money lies: sellers, their accounts at Stripe, and the fee."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.checkout import services
from marketplace.checkout.receipts import receipt_of_order
from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import chart
from marketplace.orders.models import Order
from marketplace.payments.models import Dispute, Transfer, TransferReversal
from tests.marketplace.checkout.disputing import charge_of, follow, open_dispute
from tests.marketplace.checkout.paying import at_stripe, connected, owed
from tests.marketplace.checkout.shopping import bought, client_of, payment_of, settle
from tests.marketplace.checkout.test_booking import give_credit, paid, refund, standing
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)
DISPUTE_FEE = 15_000  # as the emulator takes it of won


@pytest.fixture(autouse=True)
def working_capital(stripe: Emulator) -> None:
    """The platform has money of its own at Stripe: a dispute's fee eats more than one sale."""
    price = {"currency": "krw", "unit_amount": 900_000, "product_data": {"name": "other"}}
    params: Any = {
        "mode": "payment",
        "success_url": "http://shop.test/ok",
        "line_items": [{"quantity": 1, "price_data": price}],
    }
    session = stripe.sdk.v1.checkout.sessions.create(params)
    assert session.url
    stripe.pay(session.url)


def share(order: Order) -> int:
    return order.price_minor - order.fee_minor - order.pool_minor


@pytest.mark.parametrize("verb", ["win", "lose"])
def test_a_destination_charge_is_taken_back_from_the_sellers_account(
    stripe: Emulator, verb: str
) -> None:
    listing = sell()
    account = connected(stripe, listing.seller)
    order = bought(stripe, make_person(), listing)
    assert payment_of(order).destination == account.account_id
    due = share(order)
    assert (at_stripe(stripe, account), owed(listing.seller)) == (due, (due, due))

    dispute = open_dispute(stripe, order)

    assert (at_stripe(stripe, account), owed(listing.seller)) == (0, (0, 0))
    assert TransferReversal.objects.get().state == "succeeded"
    stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
    follow(order)
    left = due if verb == "win" else 0
    assert (at_stripe(stripe, account), owed(listing.seller)) == (left, (left, left))
    # The platform bears what Stripe takes for the dispute, also of one that is won.
    assert books.balance(chart.dispute_fees("KRW")).minor == DISPUTE_FEE
    assert list(ledger.faults()) == []


@pytest.mark.parametrize("verb", ["win", "lose"])
def test_each_seller_of_a_bill_gives_back_their_own_part(stripe: Emulator, verb: str) -> None:
    one, two = sell(), sell(make_seller("다른 가게"), title="낮의 노래")
    accounts = [connected(stripe, listing.seller) for listing in (one, two)]
    bill = paid(stripe, make_person(), one, two)
    orders = sorted(bill.orders.all(), key=lambda order: order.listing_id != one.pk)
    shares = [share(order) for order in orders]
    assert [at_stripe(stripe, account) for account in accounts] == shares

    dispute = open_dispute(stripe, orders[0])
    assert [at_stripe(stripe, account) for account in accounts] == [0, 0]
    stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
    follow(orders[0])

    left = shares if verb == "win" else [0, 0]
    assert [at_stripe(stripe, account) for account in accounts] == left
    assert [owed(listing.seller)[0] for listing in (one, two)] == left
    assert list(ledger.faults()) == []


def test_a_part_that_was_refunded_before_is_not_taken_twice(stripe: Emulator) -> None:
    listing = sell()
    account = connected(stripe, listing.seller)
    order = bought(stripe, make_person(), listing)
    stripe.sdk.v1.refunds.create({"charge": charge_of(order), "amount": 3_000})
    settle(payment_of(order))
    left = at_stripe(stripe, account)
    assert 0 < left < share(order)

    dispute = open_dispute(stripe, order)
    assert (at_stripe(stripe, account), owed(listing.seller)) == (0, (0, 0))
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    assert (at_stripe(stripe, account), owed(listing.seller)) == (left, (left, left))


def test_a_part_of_a_bill_may_be_disputed(stripe: Emulator) -> None:
    listing = sell()
    order = bought(stripe, make_person(), listing)
    before = owed(listing.seller)[0]

    dispute = open_dispute(stripe, order, amount=4_950)

    assert dispute.amount_minor == 4_950
    assert owed(listing.seller)[0] == pytest.approx(before / 2, abs=1)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)
    assert owed(listing.seller)[0] == before


def test_a_seller_without_an_account_is_owed_less_meanwhile(stripe: Emulator) -> None:
    listing = sell()
    order = bought(stripe, make_person(), listing)
    due = share(order)
    assert owed(listing.seller) == (due, 0)

    dispute = open_dispute(stripe, order)
    assert owed(listing.seller) == (0, 0)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    assert owed(listing.seller) == (due, 0)
    assert Transfer.objects.count() == 0


def test_following_again_moves_no_money_again(stripe: Emulator) -> None:
    listing = sell()
    account = connected(stripe, listing.seller)
    order = bought(stripe, make_person(), listing)
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")

    for _ in range(3):
        follow(order)
        settle(payment_of(order))
        services.reconcile(now=timezone.now())

    assert (at_stripe(stripe, account), owed(listing.seller)) == (0, (0, 0))
    assert TransferReversal.objects.count() == 1
    assert list(ledger.faults()) == []


def test_a_reversal_whose_answer_is_lost_is_made_once(stripe: Emulator) -> None:
    listing = sell()
    account = connected(stripe, listing.seller)
    order = bought(stripe, make_person(), listing)
    stripe.hook("fail_next", count=9, when="after", path="/v1/transfers/")

    open_dispute(stripe, order)
    stripe.hook("rules", method="DELETE")
    services.reconcile(now=timezone.now())

    assert (at_stripe(stripe, account), owed(listing.seller)) == (0, (0, 0))
    assert [r.state for r in TransferReversal.objects.all()] == ["succeeded"]


def lost_with_credit(stripe: Emulator) -> tuple[Order, Dispute, int]:
    """Ada paid ₩4,000 of ₩9,900 with credit, and her bank has taken the rest back.

    The third: what her order's seller was owed before.
    """
    ada, listing = make_person(), sell()
    give_credit(ada, 4_000)
    bill = paid(stripe, ada, listing, use_credit=True)
    order = bill.orders.get()
    before = standing(listing.seller, ada)
    assert before["credit"] == 0
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(order)
    return order, dispute, before["seller"]


def test_what_was_paid_by_credit_comes_back_when_a_dispute_is_lost(stripe: Emulator) -> None:
    order, _dispute, _owed = lost_with_credit(stripe)
    follow(order)

    after = standing(order.listing.seller, order.buyer)
    assert order.state == "charged_back"
    assert (after["credit"], after["seller"]) == (4_000, 0)
    assert "platform_fees" not in after
    page = client_of(order.buyer).get(f"/orders/{order.pk}/").content.decode()
    assert "What you had paid with shop credit is credit again." in page
    assert "is credit again" in mail.outbox[-1].body
    receipt = receipt_of_order(order.buyer, order.pk)
    assert (receipt.charged_back.minor, receipt.refunded.minor) == (5_900, 4_000)
    assert receipt.kept.minor == 0


def test_what_a_refund_gave_back_as_credit_is_not_given_again(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    give_credit(ada, 4_000)
    order = paid(stripe, ada, listing, use_credit=True).orders.get()
    refund(order, 6_900)  # all of the cash, and ₩1,000 of the credit

    follow(order)
    stripe.hook("disputes", charge=charge_of(order), amount=100)
    follow(order)
    [dispute] = Dispute.objects.all()
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(order)

    assert order.state == "charged_back"
    assert standing(buyer=ada)["credit"] == 4_000


@pytest.mark.parametrize("spent", [0, 3_000])
def test_an_appeal_that_is_won_takes_the_credit_again(stripe: Emulator, spent: int) -> None:
    order, dispute, owed_before = lost_with_credit(stripe)
    if spent:
        ledger.hold_credit(
            user_id=order.buyer_id,
            bill_id=uuid.uuid4(),
            amount=Money(spent, "KRW"),
            at=timezone.now(),
        )

    stripe.hook(f"disputes/{dispute.stripe_id}/appeal")
    follow(order)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    after = standing(order.listing.seller, order.buyer)
    assert order.state == "paid"
    assert (after["credit"], after["seller"]) == (0, owed_before)
    assert after["credit_granted"] == 4_000 + spent  # the shop bears what was spent by then
