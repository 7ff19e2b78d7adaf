"""What purchases, refunds and disputes leave in the ledger, with the real emulator."""

from __future__ import annotations

import uuid

import pytest
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.types import Started, Wish
from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.models import Entry
from marketplace.ledger.types import chart
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments import queries as payment_queries
from marketplace.payments.models import Payment, Refund
from tests.marketplace.checkout.disputing import follow, open_dispute
from tests.marketplace.checkout.shopping import begin, bought, deliver, settle
from tests.marketplace.stripe_fixtures import GOOD, REFUND_FAILS, REFUND_PENDING, Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db

STRIPE_FEE = (9_900 * 29 + 500) // 1000 + 300  # as the emulator takes it of ₩9,900


def standing(seller: User | None = None, buyer: User | None = None) -> dict[str, int]:
    """What stands on the accounts, those that are empty left out."""
    found = {row.kind: row.total.minor for row in books.totals() if row.total.minor}
    if seller is not None:
        found["seller"] = books.balance(chart.seller(seller.pk, "KRW")).minor
    if buyer is not None:
        found["credit"] = books.balance(chart.credit(buyer.pk, "KRW")).minor
    assert list(ledger.faults()) == []
    return found


def start(user: User, *listings: Listing, use_credit: bool = False) -> Started:
    return services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        use_credit=use_credit,
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )


def paid(stripe: Emulator, user: User, *listings: Listing, card: str = GOOD, **how: bool) -> Bill:
    started = start(user, *listings, **how)
    if started.pay_url:
        stripe.pay(started.pay_url, card)
    return services.settle_bill(bill_id=started.bill.pk, now=timezone.now())


def refund(order: Order, minor: int | None = None) -> Order:
    amount = None if minor is None else Money(minor, order.currency)
    return services.refund_order(
        order_id=order.pk,
        by=order.listing.seller,
        reason="",
        amount=amount,
        key=uuid.uuid4() if amount else None,
        now=timezone.now(),
    )


def give_credit(user: User, minor: int) -> None:
    ledger.grant_credit(
        user_id=user.pk,
        amount=Money(minor, "KRW"),
        source=f"gift:{user.pk}",
        at=timezone.now(),
        reason="sorry",
    )


AFTER_A_SALE = {
    "stripe": 9_900 - STRIPE_FEE,
    "processing_fees": STRIPE_FEE,
    "platform_fees": 990,
    "pool": 297,
    "seller": 8_613,
}
AFTER_A_REFUND = {"stripe": -STRIPE_FEE, "processing_fees": STRIPE_FEE}


def test_a_sale_is_cut_into_share_and_fee_and_stripe_keeps_its_own(stripe: Emulator) -> None:
    listing = sell()

    bought(stripe, make_person(), listing)

    assert standing() == AFTER_A_SALE
    assert [entry.kind for entry in Entry.objects.all()] == ["charge", "settlement"]


def test_events_and_sweeps_book_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    [event] = stripe.events("checkout.session.completed", id=payment.session_id or "")

    for number in range(3):
        deliver({**event, "id": f"{event['id']}{number}"})
        services.reconcile(now=timezone.now())

    assert standing() == AFTER_A_SALE
    assert Entry.objects.count() == 2


def test_until_stripe_says_what_arrived_it_is_in_clearing(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    # As where Stripe answered before it had booked the charge.
    Payment.objects.update(stripe_fee_minor=None, balance_transaction_id="")
    late = make_person("late")
    bill = Bill.objects.get(pk=order.bill_id)

    assert bill.buyer != late
    services.reconcile(now=timezone.now())

    assert standing() == AFTER_A_SALE


def test_a_refund_takes_share_and_fee_back_and_the_platform_bears_stripes(
    stripe: Emulator,
) -> None:
    listing = sell()
    order = bought(stripe, make_person(), listing)

    refund(order)
    refund(order)

    assert {k: v for k, v in standing().items() if v} == AFTER_A_REFUND
    assert [entry.kind for entry in Entry.objects.all()] == [
        "charge", "settlement", "refund", "refund_settled",
    ]  # fmt: skip


def test_parts_of_a_refund_add_up_to_all_of_it(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())

    refund(order, 1)
    refund(order, 3_333)
    part = standing()
    refund(order)

    assert part["seller"] + part["platform_fees"] + part["pool"] == 9_900 - 3_334
    assert part["platform_fees"] == pytest.approx((9_900 - 3_334) * 0.1, abs=1)
    assert standing() == AFTER_A_REFUND


def test_a_pending_refund_is_on_its_way_and_no_longer_the_sellers(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell(), card=REFUND_PENDING)

    refund(order)
    between = standing()
    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=True)
    services.reconcile(now=timezone.now())

    assert "seller" not in between
    assert between["stripe"] - between.get("refunds_in_transit", 0) == -STRIPE_FEE
    assert standing() == AFTER_A_REFUND


def test_the_sweep_asks_until_stripe_has_booked_a_refund(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    refund(order)
    # As where Stripe answered before it had booked what left the balance.
    Refund.objects.update(balance_transaction_id="")

    assert payment_queries.unsettled_bills() == [order.bill_id]
    services.reconcile(now=timezone.now())

    assert payment_queries.unsettled_bills() == []
    assert standing() == AFTER_A_REFUND


@pytest.mark.parametrize("card", [REFUND_PENDING, REFUND_FAILS])
def test_a_refund_that_comes_back_leaves_everything_as_it_was(stripe: Emulator, card: str) -> None:
    order = bought(stripe, make_person(), sell(), card=card)
    refund(order)
    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=False)

    settle(Payment.objects.get())
    settle(Payment.objects.get())

    assert standing() == AFTER_A_SALE


def test_a_refund_at_stripe_of_several_orders_is_shared_by_all(stripe: Emulator) -> None:
    song, film = sell(), sell(title="The film")
    bill = paid(stripe, make_person(), song, film)
    intent = Payment.objects.get().payment_intent_id or ""

    stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": 6_601})
    services.settle_bill(bill_id=bill.pk, now=timezone.now())
    shares = [standing(one.seller)["seller"] for one in (song, film)]
    stripe.sdk.v1.refunds.create({"payment_intent": intent})
    services.settle_bill(bill_id=bill.pk, now=timezone.now())

    assert sum(shares) + (1_980 - 660) + (594 - 198) == pytest.approx(19_800 - 6_601, abs=2)
    assert abs(shares[0] - shares[1]) <= 1
    assert set(standing()) == {"stripe", "processing_fees"}


def test_credit_pays_sellers_and_comes_back_as_credit(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    give_credit(ada, 4_000)

    bill = paid(stripe, ada, listing, use_credit=True)
    after = standing(buyer=ada)
    refund(bill.orders.get())

    assert (after["seller"], after["platform_fees"], after["credit"]) == (8_733, 990, 0)
    assert after["pool"] == 177  # of the cash alone
    assert after["stripe"] + after["processing_fees"] == 5_900
    assert standing(buyer=ada)["credit"] == 4_000
    assert set(standing()) == {"stripe", "processing_fees", "credit", "credit_granted"}


def test_all_paid_by_credit_needs_no_stripe(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    give_credit(ada, 10_000)

    paid(stripe, ada, listing, use_credit=True)

    assert standing(buyer=ada) == {
        "seller": 8_910, "platform_fees": 990, "credit": 100, "credit_granted": 10_000,
    }  # fmt: skip


def test_all_cash_back_at_stripe_brings_the_credit_back_too(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    give_credit(ada, 4_000)
    bill = paid(stripe, ada, listing, use_credit=True)

    stripe.sdk.v1.refunds.create({"payment_intent": Payment.objects.get().payment_intent_id or ""})
    for _ in range(2):
        services.settle_bill(bill_id=bill.pk, now=timezone.now())

    assert bill.orders.get().state == "refunded"
    assert standing(buyer=ada)["credit"] == 4_000
    assert set(standing()) == {"stripe", "processing_fees", "credit", "credit_granted"}


def test_credit_that_was_spent_before_its_refund_failed_is_borne_by_the_shop(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    give_credit(ada, 4_000)
    bill = paid(stripe, ada, listing, card=REFUND_FAILS, use_credit=True)
    refund(bill.orders.get())
    ledger.hold_credit(
        user_id=ada.pk, bill_id=uuid.uuid4(), amount=Money(3_000, "KRW"), at=timezone.now()
    )

    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=False)
    services.settle_bill(bill_id=bill.pk, now=timezone.now())

    after = standing(buyer=ada)
    assert (after["seller"], after["platform_fees"], after["credit"]) == (8_733, 990, 0)
    assert after["pool"] == 177  # of the cash alone
    assert after["credit_granted"] == 7_000


def test_what_is_free_leaves_nothing_in_the_books(stripe: Emulator) -> None:
    listing = sell()
    Listing.objects.update(price_minor=0)
    listing.refresh_from_db()

    paid(stripe, make_person(), listing)

    assert not Entry.objects.exists()


def test_purchases_of_before_the_ledger_are_booked_by_the_sweep(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    # As a shop of before had it: paid, and nothing was known of what Stripe kept.
    Payment.objects.update(
        state="succeeded", payment_intent_id=stripe.sdk.v1.checkout.sessions.retrieve(
            payment.session_id or ""
        ).payment_intent,
    )  # fmt: skip
    Order.objects.update(state="paid", paid_at=timezone.now(), fee_minor=0, pool_minor=0)

    services.reconcile(now=timezone.now())

    assert standing() == {
        "stripe": 9_900 - STRIPE_FEE, "processing_fees": STRIPE_FEE, "seller": 9_900,
    }  # fmt: skip


def test_a_dispute_takes_the_sale_and_winning_it_brings_it_back(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())

    dispute = open_dispute(stripe, order)
    taken = standing()
    fee = taken["dispute_fees"]
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    assert taken == {
        "stripe": -STRIPE_FEE - fee, "processing_fees": STRIPE_FEE, "dispute_fees": fee,
    }  # fmt: skip
    after = standing()
    assert (after["seller"], after["platform_fees"], after["pool"]) == (8_613, 990, 297)
