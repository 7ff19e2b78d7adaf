"""Several things that are paid at once, and parts of a price that go back."""

from __future__ import annotations

import uuid

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.errors import RefundNotPossibleError, SeveralCurrenciesError
from marketplace.checkout.types import Started, Wish
from marketplace.core.money import Money
from marketplace.licensing.models import EntitlementEvent
from marketplace.licensing.queries import owns
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment, Refund
from tests.marketplace.checkout.shopping import begin, bought, client_of, settle
from tests.marketplace.stripe_fixtures import REFUND_FAILS, Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db


def start(user: User, *listings: Listing) -> Started:
    return services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )


def paid(stripe: Emulator, user: User, *listings: Listing, card: str = "") -> Bill:
    """A bill of several sellers' things that is paid and settled."""
    url = start(user, *listings).pay_url
    assert url is not None
    stripe.pay(url, card) if card else stripe.pay(url)
    bill = Bill.objects.get()
    return services.settle_bill(bill_id=bill.pk, now=timezone.now())


def order_for(bill: Bill, listing: Listing) -> Order:
    return bill.orders.get(listing=listing)


def refund(order: Order, minor: int | None = None, *, key: uuid.UUID | None = None) -> Order:
    amount = None if minor is None else Money(minor, order.currency)
    return services.refund_order(
        order_id=order.pk,
        by=order.listing.seller,
        reason="",
        amount=amount,
        key=key,
        now=timezone.now(),
    )


def test_two_sellers_are_paid_at_once_and_each_thing_has_its_own_order(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(title="밤의 노래"), sell(title="The film")

    started = start(ada, song, film)
    assert started.pay_url is not None
    page = stripe.http.get(started.pay_url).text
    stripe.pay(started.pay_url)
    back = client_of(ada).get(f"/bills/{started.bill.pk}/")

    assert "밤의 노래" in page
    assert "The film" in page
    assert [order.state for order in Order.objects.all()] == ["paid", "paid"]
    assert owns(ada, song.pk)
    assert owns(ada, film.pk)
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.sole_order_id) == (19_800, None)
    assert payment.stripe_fee_minor is not None
    assert payment.charge_id
    text = back.content.decode()
    assert "It is yours" in text
    assert "₩19,800" in text


def test_pressing_twice_is_one_bill_and_another_choice_closes_the_first(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()

    first, again = start(ada, song, film), start(ada, film, song)
    other = start(ada, film)

    assert first.bill == again.bill
    assert first.pay_url == again.pay_url
    assert other.bill != first.bill
    assert {order.state for order in Order.objects.filter(bill=first.bill)} == {"expired"}
    assert stripe.pay(first.pay_url or "").status_code != 303
    assert Order.objects.filter(state="pending").count() == 1


def test_what_is_owned_stops_the_whole_bill_before_anything_is_charged(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()
    bought(stripe, ada, song)

    with pytest.raises(AlreadyOwnedError):
        start(ada, film, song)

    assert Payment.objects.count() == 1


def test_two_currencies_are_not_one_payment(stripe: Emulator) -> None:
    ada, won, dollars = make_person(), sell(), sell()
    Listing.objects.filter(pk=dollars.pk).update(currency="USD", price_minor=500)
    dollars.refresh_from_db()

    with pytest.raises(SeveralCurrenciesError):
        start(ada, won, dollars)

    assert Bill.objects.count() == 0


def test_one_order_of_a_bill_is_refunded_and_the_other_stays(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()
    bill = paid(stripe, ada, song, film)

    order = refund(order_for(bill, song))
    again = refund(order_for(bill, song))

    assert (order.state, again.state) == ("refunded", "refunded")
    assert not owns(ada, song.pk)
    assert owns(ada, film.pk)
    assert [(r.amount_minor, r.order_id) for r in Refund.objects.all()] == [(9_900, order.pk)]
    assert order_for(bill, film).refunded_minor == 0
    refund(order_for(bill, film))
    assert Payment.objects.get().state == "refunded"
    assert not owns(ada, film.pk)


def test_all_that_is_given_back_at_stripe_ends_every_order(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()
    bill = paid(stripe, ada, song, film)
    intent = Payment.objects.get().payment_intent_id or ""

    stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": 5_000})
    services.settle_bill(bill_id=bill.pk, now=timezone.now())
    part = [order.state for order in bill.orders.all()]
    stripe.sdk.v1.refunds.create({"payment_intent": intent})
    services.settle_bill(bill_id=bill.pk, now=timezone.now())

    assert part == ["paid", "paid"]
    assert [order.state for order in Order.objects.all()] == ["refunded", "refunded"]


def test_a_part_goes_back_and_the_buyer_keeps_what_they_bought(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order, key = bought(stripe, ada, listing), uuid.uuid4()

    refund(order, 3_000, key=key)
    refund(order, 3_000, key=key)  # the second of two clicks
    order.refresh_from_db()

    assert (order.state, order.refunded_minor) == ("paid", 3_000)
    assert owns(ada, listing.pk)
    with pytest.raises(RefundNotPossibleError, match="left"):
        refund(order, 7_000, key=uuid.uuid4())
    ended = refund(order)
    assert (ended.state, ended.refunded_minor) == ("refunded", 9_900)
    assert not owns(ada, listing.pk)
    assert sorted(r.amount_minor for r in Refund.objects.all()) == [3_000, 6_900]
    assert [e.kind for e in EntitlementEvent.objects.order_by("id")][-1] == "refunded"


@pytest.mark.django_db(transaction=True)
def test_each_part_is_told_to_the_buyer_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    mail.outbox.clear()

    refund(order, 3_000, key=uuid.uuid4())
    refund(order, 2_000, key=uuid.uuid4())
    services.settle_bill(bill_id=order.bill_id, now=timezone.now())
    parts = [message.subject.partition(" ")[0] for message in mail.outbox]
    refund(order)

    assert parts == ["₩3,000", "₩2,000"]
    assert [m.subject.partition(" ")[0] for m in mail.outbox] == [*parts, "Refund"]


def test_the_page_gives_a_part_back_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client = client_of(listing.seller)
    path = f"/studio/sales/{order.pk}/refund/"
    key = client.get(path).context["form"]["key"].value()

    wrong = [client.post(path, {"amount": typed, "key": key}) for typed in ("10,000", "0", "a lot")]
    client.post(path, {"amount": "₩1,000", "key": key})
    done = client.post(path, {"amount": "₩1,000", "key": key}, follow=True)

    assert [answer.status_code for answer in wrong] == [200, 200, 200]
    assert "at most ₩9,900" in wrong[0].content.decode()
    assert "₩1,000 refunded" in done.content.decode()
    assert [r.amount_minor for r in Refund.objects.all()] == [1_000]


def test_a_refund_that_the_bank_returns_gives_that_order_back(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()
    bill = paid(stripe, ada, song, film, card=REFUND_FAILS)
    refund(order_for(bill, song))
    assert not owns(ada, song.pk)
    [row] = Refund.objects.all()

    stripe.hook(f"settle/{row.stripe_id}", succeeds=False)
    services.settle_bill(bill_id=bill.pk, now=timezone.now())

    assert {order.state for order in Order.objects.all()} == {"paid"}
    assert order_for(bill, song).refunded_minor == 0
    assert owns(ada, song.pk)


def test_late_money_for_one_of_two_things_goes_back_for_that_one(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(), sell()
    late = start(ada, song, film)
    Order.objects.update(state="expired")  # as when the shop believed that it had ended
    second = begin(ada, song)
    stripe.pay(second.checkout_url)
    settle(second)

    stripe.pay(late.pay_url or "")
    services.settle_bill(bill_id=late.bill.pk, now=timezone.now())

    assert order_for(late.bill, song).state == "refunded"
    assert order_for(late.bill, film).state == "paid"
    assert owns(ada, song.pk)
    assert owns(ada, film.pk)
    assert [r.amount_minor for r in Refund.objects.all()] == [9_900]
