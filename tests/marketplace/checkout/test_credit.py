"""Shop credit at the checkout, with the real emulator and the real books."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import consequences, crediting, services
from marketplace.checkout.types import Started, Wish
from marketplace.core.money import CURRENCIES, Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import AccountKind, chart
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import client_of, order_of, reprice, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def rich(minor: int, name: str = "ada", currency: str = "KRW") -> User:
    """Somebody with so much credit."""
    user = make_person(name)
    give(user, minor, currency)
    return user


def give(user: User, minor: int, currency: str = "KRW") -> None:
    ledger.grant_credit(
        user_id=user.pk,
        amount=Money(minor, currency),
        source=f"test:{uuid.uuid4()}",
        at=timezone.now(),
        reason="",
    )


def start(user: User, *listings: Listing, use_credit: bool = True, **more: Any) -> Started:
    return services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        use_credit=use_credit,
        site="http://shop.test",
        language="en",
        now=timezone.now(),
        **more,
    )


def payment_for(started: Started) -> Payment:
    return Payment.objects.get(bill_id=started.bill.pk)


def credit_of(user: User) -> int:
    return books.balance(chart.credit(user.pk, "KRW")).minor


def held_for(bill: Bill) -> int:
    return books.balance(chart.credit_held(bill.pk, "KRW")).minor


def total(kind: AccountKind) -> int:
    return sum(row.total.minor for row in books.totals() if row.kind == kind)


def check_books() -> None:
    assert list(ledger.faults()) == []


def test_credit_pays_in_part_is_held_and_then_spent(
    stripe: Emulator, django_capture_on_commit_callbacks: Any
) -> None:
    ada, listing = rich(3_000), sell()

    started = start(ada, listing)

    payment, order = payment_for(started), started.order
    assert (order.price_minor, order.credit_minor, payment.amount_minor) == (9_900, 3_000, 6_900)
    assert (credit_of(ada), held_for(started.bill)) == (0, 3_000)
    stripe.pay(payment.checkout_url)
    with django_capture_on_commit_callbacks(execute=True):
        assert settle(payment).state == "paid"
    assert "Paid with shop credit: ₩3,000" in mail.outbox[-1].body
    assert (credit_of(ada), held_for(started.bill)) == (0, 0)
    parts = (AccountKind.SELLER, AccountKind.PLATFORM_FEES, AccountKind.POOL)
    assert sum(total(kind) for kind in parts) == 9_900
    check_books()


def test_credit_that_pays_all_needs_no_stripe_and_comes_back_as_credit(stripe: Emulator) -> None:
    ada, listing = rich(10_000), sell()

    started = start(ada, listing)

    assert started.pay_url is None
    order = Order.objects.get()
    assert (order.state, order.credit_minor, credit_of(ada)) == ("paid", 9_900, 100)
    assert (held_for(started.bill), payment_for(started).session_id) == (0, None)
    order = services.refund_order(
        order_id=order.pk, by=listing.seller, reason="", now=timezone.now()
    )
    assert (order.state, credit_of(ada)) == ("refunded", 10_000)
    assert total(AccountKind.SELLER) == 0
    check_books()


def test_a_refund_gives_cash_back_first_and_then_credit(
    stripe: Emulator, django_capture_on_commit_callbacks: Any
) -> None:
    ada, listing = rich(3_000), sell()
    payment = payment_for(start(ada, listing))
    stripe.pay(payment.checkout_url)
    order = settle(payment)

    services.refund_order(
        order_id=order.pk,
        by=listing.seller,
        reason="",
        now=timezone.now(),
        amount=Money(5_000, "KRW"),
    )
    assert (credit_of(ada), order_of(payment).refunded_minor) == (0, 5_000)
    services.refund_order(
        order_id=order.pk,
        by=listing.seller,
        reason="",
        now=timezone.now(),
        amount=Money(2_900, "KRW"),
    )
    assert credit_of(ada) == 1_000
    with django_capture_on_commit_callbacks(execute=True):
        order = services.refund_order(
            order_id=order.pk, by=listing.seller, reason="", now=timezone.now()
        )

    assert (order.state, credit_of(ada)) == ("refunded", 3_000)
    body = mail.outbox[-1].body
    assert "₩6,900 to the way you paid" in body
    assert "₩3,000 as shop credit" in body
    assert "as shop credit" in client_of(ada).get(f"/orders/{order.pk}/").content.decode()
    refunds = [(r.amount_minor, r.credit_minor) for r in payment.refunds.order_by("created_at")]
    assert refunds == [(5_000, 0), (1_900, 1_000), (0, 2_000)]
    check_books()


def test_a_page_that_expired_gives_the_credit_back(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    payment = payment_for(start(ada, listing))

    stripe.sdk.v1.checkout.sessions.expire(payment.session_id or "")
    settle(payment)
    settle(payment)

    assert (order_of(payment).state, credit_of(ada)) == ("expired", 3_000)
    check_books()


def test_unticked_again_the_old_page_closes_and_the_credit_is_free(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    old = payment_for(start(ada, listing))
    assert start(ada, listing).pay_url == old.checkout_url

    new = payment_for(start(ada, listing, use_credit=False))

    old.refresh_from_db()
    assert (old.state, new.amount_minor, credit_of(ada)) == ("expired", 9_900, 3_000)
    again = payment_for(start(ada, listing))
    assert (again.amount_minor, credit_of(ada)) == (6_900, 0)


def test_what_a_card_cannot_be_charged_is_never_left_over(stripe: Emulator) -> None:
    ada, listing = rich(9_850), sell()

    payment = payment_for(start(ada, listing))

    assert (payment.amount_minor, credit_of(ada)) == (CURRENCIES["KRW"].minimum, 50)


def test_credit_that_could_only_leave_less_stays(stripe: Emulator) -> None:
    ada, listing = rich(50), sell()
    reprice(listing, 120)

    payment = payment_for(start(ada, listing))

    assert (payment.amount_minor, credit_of(ada)) == (100, 30)
    assert [order.credit_minor for order in Order.objects.all()] == [20]


def test_credit_is_shared_among_the_orders_of_a_bill(stripe: Emulator) -> None:
    ada, seller = rich(1_000), make_seller()
    one, two = sell(seller), sell(title="남의 노래")
    reprice(two, 5_000)

    payment = payment_for(start(ada, one, two))

    assert {o.listing_id: o.credit_minor for o in Order.objects.all()} == {one.pk: 664, two.pk: 336}
    stripe.pay(payment.checkout_url)
    services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
    assert {o.state for o in Order.objects.all()} == {"paid"}
    assert (credit_of(ada), total(AccountKind.CREDIT_HELD)) == (0, 0)
    check_books()


def test_paid_after_it_expired_the_credit_is_held_again(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    payment = _paid_late(stripe, ada, listing)
    assert credit_of(ada) == 3_000

    order = settle(payment)
    settle(payment)

    assert (order.state, credit_of(ada)) == ("paid", 0)
    check_books()


def test_paid_late_with_the_credit_spent_the_shop_makes_up_for_it(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    payment = _paid_late(stripe, ada, listing)
    other = sell(title="다른 노래")
    reprice(other, 2_000)
    start(ada, other)
    assert credit_of(ada) == 1_000

    order = settle(payment)
    settle(payment)

    assert (order.state, credit_of(ada)) == ("paid", 0)
    assert books.balance(chart.credit_granted("KRW")).minor == 5_000  # 3,000 and what was missing
    assert "since your payment came late" in client_of(ada).get("/credit/").content.decode()
    check_books()


def test_paid_late_besides_a_new_order_both_cash_and_credit_come_back(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    payment = _paid_late(stripe, ada, listing)
    start(ada, listing, use_credit=False)

    for _ in range(2):
        settle(payment)

    assert (order_of(payment).state, credit_of(ada)) == ("refunded", 3_000)
    [refund] = payment.refunds.all()
    assert (refund.amount_minor, refund.credit_minor, refund.state) == (6_900, 3_000, "succeeded")
    assert total(AccountKind.SELLER) == 0
    check_books()


def test_refunded_at_stripes_own_page_the_credit_comes_back_too(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    payment = payment_for(start(ada, listing))
    stripe.pay(payment.checkout_url)
    settle(payment)
    payment.refresh_from_db()

    stripe.sdk.v1.refunds.create({"payment_intent": payment.payment_intent_id or ""})
    order = settle(payment)

    assert (order.state, credit_of(ada)) == ("refunded", 3_000)
    check_books()


def _paid_late(stripe: Emulator, user: User, listing: Listing) -> Payment:
    """Our row says expired and the credit is free, and then Stripe says that it was paid."""
    payment = payment_for(start(user, listing))
    stripe.pay(payment.checkout_url)
    Payment.objects.filter(pk=payment.pk).update(state="expired")
    consequences.expire(order_of(payment).bill, now=timezone.now())
    return payment


def test_the_page_offers_the_credit_and_pays_with_it(stripe: Emulator) -> None:
    ada, listing = rich(3_000), sell()
    client, page = client_of(ada), f"/buy/{listing.pk}/"

    assert "Use my credit (₩3,000)" in client.get(page).content.decode()
    shown = client.get(f"{page}?credit=1").content.decode()
    assert "−₩3,000" in shown
    assert "₩6,900" in shown

    client.post(page, {"credit": "1", "seen": terms_of(listing).token})

    assert Payment.objects.get().amount_minor == 6_900
    # What an open page of theirs holds is still theirs to use.
    assert "Use my credit (₩3,000)" in client.get(page).content.decode()


def test_who_has_no_credit_is_not_asked(stripe: Emulator) -> None:
    eve, listing = make_person("eve"), sell()
    rich(3_000)

    assert "Use my credit" not in client_of(eve).get(f"/buy/{listing.pk}/").content.decode()
    payment = payment_for(start(eve, listing))
    assert (payment.amount_minor, Order.objects.get().credit_minor) == (9_900, 0)


def test_credit_of_another_currency_pays_nothing_here(stripe: Emulator) -> None:
    ada, listing = rich(3_000, currency="USD"), sell()

    assert payment_for(start(ada, listing)).amount_minor == 9_900
    assert crediting.available(ada, "USD").minor == 3_000
