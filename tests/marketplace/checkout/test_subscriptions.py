"""Subscribing: from the page to the end, through the real emulator."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts import services as accounts
from marketplace.catalog.models import Listing
from marketplace.checkout import services, subscribing
from marketplace.checkout.errors import (
    AlreadySubscribedError,
    SubscriptionOnlyError,
    TermsChangedError,
)
from marketplace.checkout.types import Wish
from marketplace.ledger.models import Entry
from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import owns
from marketplace.orders.errors import OrderNotFoundError, OwnListingError
from marketplace.orders.models import Order
from marketplace.payments.errors import PaymentClosedError, PaymentsUnavailableError
from marketplace.payments.models import Payment, Subscription, SubscriptionInvoice
from tests.marketplace.checkout.shopping import deliver
from tests.marketplace.checkout.subscribers import (
    FAILS,
    begin_subscription,
    entitlement_of,
    offer,
    replay,
    subscribed,
)
from tests.marketplace.stripe_fixtures import DECLINED, Emulator
from tests.marketplace.trade import make_person

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_paid_page_gives_access_until_the_period_ends(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    order, url = begin_subscription(ada, listing)
    assert (order.state, owns(ada, listing.pk)) == ("pending", False)

    stripe.pay(url)
    order = subscribing.settle_order(order, now=timezone.now())

    begun = Subscription.objects.get()
    given = Entitlement.objects.get()
    assert (order.state, order.kind, begun.state) == ("paid", "subscription", "active")
    assert (given.kind, given.order_id, given.expires_at) == (
        "subscription", order.pk, begun.period_end,
    )  # fmt: skip
    assert "lease" in given.rights
    payment = Payment.objects.get(bill_id=order.bill_id)
    assert (payment.state, payment.amount_minor) == ("succeeded", 9_900)
    assert payment.charge_id.startswith("ch_")
    assert payment.stripe_fee_minor
    assert [message.to for message in mail.outbox] == [[ada.email]]


def test_pressing_twice_gives_one_page(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()

    first, second = (begin_subscription(ada, listing) for _ in range(2))

    assert first == second
    assert (Order.objects.count(), Subscription.objects.count()) == (1, 1)


def test_nobody_subscribes_twice_or_to_their_own(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    subscribed(stripe, ada, listing)

    with pytest.raises(AlreadySubscribedError):
        begin_subscription(ada, listing)
    with pytest.raises(OwnListingError):
        begin_subscription(listing.seller, listing)
    with pytest.raises(SubscriptionOnlyError):
        services.start_checkout(
            buyer=make_person("eve"), wishes=[Wish(listing_id=listing.pk)],
            site="http://shop.test", language="en", now=timezone.now(),
        )  # fmt: skip
    assert Order.objects.count() == 1


def test_a_new_price_closes_the_old_page(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    old = subscribing.subscription_token(listing)
    order, url = begin_subscription(ada, listing)
    Listing.objects.update(price_minor=12_000)
    listing.refresh_from_db()

    with pytest.raises(TermsChangedError):
        subscribing.start_subscription(
            buyer=ada, listing_id=listing.pk, seen=old, site="http://shop.test",
            language="en", now=timezone.now(),
        )  # fmt: skip
    new, new_url = begin_subscription(ada, listing)

    assert (new.pk != order.pk, new.price_minor) == (True, 12_000)
    assert stripe.pay(url).status_code == 410
    assert stripe.pay(new_url).status_code == 303
    order.refresh_from_db()
    assert order.state == "expired"


def test_a_page_that_is_left_expires_the_order(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    order, url = begin_subscription(ada, listing)
    assert stripe.pay(url, DECLINED).status_code == 402

    stripe.hook("clock", advance=2 * 3_600)
    order = subscribing.settle_order(order, now=timezone.now())

    assert (order.state, Subscription.objects.get().state) == ("expired", "expired")
    stripe.hook("rules", method="DELETE")
    assert begin_subscription(ada, listing)[0].pk != order.pk


def test_a_renewal_is_an_order_of_its_own_and_lets_it_go_on(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    mail.outbox.clear()

    begun = subscriber.renew()

    first, second = subscriber.orders()
    given = entitlement_of(subscriber)
    assert (second.state, second.price_minor, second.spent) == ("paid", 9_900, True)
    assert second.bill_id != first.bill_id
    assert second.fee_minor == first.fee_minor
    assert second.pool_minor == first.pool_minor == 297
    assert given.expires_at == begun.period_end
    assert given.order_id == second.pk
    assert Payment.objects.filter(state="succeeded").count() == 2
    assert len(mail.outbox) == 1
    assert "/subscriptions/" in str(mail.outbox[0].body)
    entries = Entry.objects.filter(source__in=[f"charge:{o.bill_id}" for o in (first, second)])
    for entry in entries:
        shares = entry.postings.filter(account__owner_id=subscriber.listing.seller_id)
        assert [share.amount_minor for share in shares] == [second.fee_minor + 297 - 9_900]
    assert entries.count() == 2


def test_a_yearly_one_renews_by_the_year(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer(interval="year"))
    until = entitlement_of(subscriber).expires_at
    assert until is not None
    assert until - timezone.now() > dt.timedelta(days=364)

    subscriber.renew()

    again = entitlement_of(subscriber).expires_at
    assert again is not None
    assert again - until >= dt.timedelta(days=365)


@pytest.mark.parametrize(("order", "times"), [("given", 1), ("given", 2), ("reverse", 1)])
def test_events_in_any_order_and_number_end_the_same(
    stripe: Emulator, order: str, times: int
) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.next(4)

    answers = replay(subscriber, order=order, times=times)

    assert set(answers) == {200}
    assert len(answers) > 10
    assert [o.state for o in subscriber.orders()] == ["paid"] * 3
    assert entitlement_of(subscriber).expires_at == subscriber.row.period_end
    assert Payment.objects.count() == 3
    assert SubscriptionInvoice.objects.filter(state="paid").count() == 3
    assert len(mail.outbox) == 3


def test_the_first_event_may_be_the_first_that_is_heard(stripe: Emulator) -> None:
    """The answer that named the page was lost, and nobody came back from it."""
    ada, listing = make_person(), offer()
    order, url = begin_subscription(ada, listing)
    stripe.pay(url)
    Subscription.objects.update(session_id=None, state="starting")
    [event] = stripe.events("checkout.session.completed", client_reference_id=str(
        Subscription.objects.get().pk
    ))  # fmt: skip

    assert deliver(event).status_code == 200
    # The row still knows no page: the subscription's own event names it by its reference.
    created = stripe.events(
        "customer.subscription.created", id=event["data"]["object"]["subscription"]
    )
    assert deliver(created[0]).status_code == 200

    order.refresh_from_db()
    assert (order.state, owns(ada, listing.pk)) == ("paid", True)


def test_lost_events_are_healed_by_the_sweep(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    order, url = begin_subscription(ada, listing)
    stripe.pay(url)

    services.reconcile(now=timezone.now())
    order.refresh_from_db()
    assert order.state == "paid"
    row = Subscription.objects.get()
    assert row.period_end is not None
    stripe.hook(f"subscriptions/{row.stripe_id}/next")
    stripe.hook(f"subscriptions/{row.stripe_id}/next")
    done = services.reconcile(now=row.period_end + dt.timedelta(hours=2))

    assert done.failures == 0
    assert Order.objects.filter(state="paid").count() == 2
    again = Subscription.objects.get()
    assert again.period_end is not None
    assert again.period_end > row.period_end


def test_a_renewal_under_way_keeps_it_open_for_the_grace(
    stripe: Emulator, settings: Settings
) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    paid_until = entitlement_of(subscriber).expires_at
    assert paid_until is not None

    subscriber.settle(paid_until - dt.timedelta(days=1))
    assert entitlement_of(subscriber).expires_at == paid_until
    services.reconcile(now=paid_until - dt.timedelta(hours=1))
    assert entitlement_of(subscriber).expires_at == paid_until + settings.SUBSCRIPTION_GRACE
    subscriber.renew()

    assert entitlement_of(subscriber).expires_at == subscriber.row.period_end


def test_a_card_that_fails_is_told_and_ends_it_after_the_grace(
    stripe: Emulator, settings: Settings
) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    paid_until = entitlement_of(subscriber).expires_at
    assert paid_until is not None
    subscriber.keep_card(FAILS)
    mail.outbox.clear()

    subscriber.next(2)
    subscriber.settle(paid_until + dt.timedelta(hours=2))
    begun = subscriber.settle(paid_until + dt.timedelta(hours=2))

    assert begun.state == "past_due"
    assert [message.subject for message in mail.outbox] == ["Your card did not pay: 달빛 구독"]
    assert entitlement_of(subscriber).expires_at == paid_until + settings.SUBSCRIPTION_GRACE
    subscriber.next(3)
    begun = subscriber.settle(paid_until + dt.timedelta(days=16))
    assert begun.state == "ended"
    assert entitlement_of(subscriber).expires_at == paid_until + settings.SUBSCRIPTION_GRACE
    assert [o.state for o in subscriber.orders()] == ["paid"]
    assert subscriber.orders()[0].spent


def test_another_card_pays_what_the_first_did_not(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.keep_card(FAILS)
    subscriber.renew()

    url = subscribing.pay_owed(buyer=subscriber.user, order_id=subscriber.order.pk)
    assert stripe.pay(url).status_code == 200
    begun = subscriber.settle()

    assert begun.state == "active"
    assert entitlement_of(subscriber).expires_at == begun.period_end
    subscriber.renew()
    assert [o.state for o in subscriber.orders()] == ["paid"] * 3
    assert subscribing.pay_owed(buyer=subscriber.user, order_id=subscriber.order.pk) == ""


def test_what_is_paid_after_the_end_opens_for_its_period(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.keep_card(FAILS)
    subscriber.next(5)
    assert subscriber.settle().state == "ended"

    url = subscribing.pay_owed(buyer=subscriber.user, order_id=subscriber.order.pk)
    assert stripe.pay(url).status_code == 200
    begun = subscriber.settle()

    assert begun.state == "ended"
    assert [o.state for o in subscriber.orders()] == ["paid", "paid"]
    assert entitlement_of(subscriber).expires_at == begun.period_end


def test_cancelled_it_opens_until_its_end_and_no_longer(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    subscriber = subscribed(stripe, ada, listing)
    paid_until = entitlement_of(subscriber).expires_at
    assert paid_until is not None

    begun = subscribing.wish(
        buyer=ada, order_id=subscriber.order.pk, cancel=True, now=timezone.now()
    )

    assert (begun.state, begun.cancel_at_period_end, begun.ends) == ("active", True, True)
    assert owns(ada, listing.pk)
    subscriber.next()
    services.reconcile(now=paid_until + dt.timedelta(hours=1))
    assert subscriber.row.state == "ended"
    assert entitlement_of(subscriber).expires_at == paid_until
    assert len(subscriber.orders()) == 1
    with pytest.raises(PaymentClosedError):
        subscribing.wish(buyer=ada, order_id=subscriber.order.pk, cancel=False, now=timezone.now())


def test_cancelling_is_undone(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    order_id = subscriber.order.pk

    subscribing.wish(buyer=ada, order_id=order_id, cancel=True, now=timezone.now())
    begun = subscribing.wish(buyer=ada, order_id=order_id, cancel=False, now=timezone.now())

    assert (begun.state, begun.ends) == ("active", False)
    subscriber.renew()
    assert len(subscriber.orders()) == 2


def test_a_wish_that_stripe_did_not_hear_is_told_later(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    stripe.hook("fail_next", count=9, status=500, path="/v1/subscriptions", verb="POST")

    with pytest.raises(PaymentsUnavailableError):
        subscribing.wish(buyer=ada, order_id=subscriber.order.pk, cancel=True, now=timezone.now())
    assert (subscriber.row.wish, subscriber.row.ends) == ("cancel", True)
    stripe.hook("rules", method="DELETE")
    services.reconcile(now=timezone.now())

    assert (subscriber.row.wish, subscriber.row.cancel_at_period_end) == ("", True)


def test_cancelling_what_is_not_paid_ends_it_at_once(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    subscriber.keep_card(FAILS)
    subscriber.renew()
    assert subscriber.row.state == "past_due"

    with pytest.raises(PaymentClosedError):
        subscribing.wish(buyer=ada, order_id=subscriber.order.pk, cancel=True, now=timezone.now())

    assert subscriber.row.state == "ended"


def test_another_may_not_touch_it(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    eve = make_person("eve")

    with pytest.raises(OrderNotFoundError):
        subscribing.wish(buyer=eve, order_id=subscriber.order.pk, cancel=True, now=timezone.now())
    with pytest.raises(OrderNotFoundError):
        subscribing.pay_owed(buyer=eve, order_id=subscriber.order.pk)

    assert not subscriber.settle().cancel_at_period_end


@pytest.mark.parametrize("gone", ["buyer", "seller"])
def test_nobody_is_charged_on_for_who_is_gone(stripe: Emulator, gone: str) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    user = subscriber.user if gone == "buyer" else subscriber.listing.seller
    accounts.erase_account(user=user, now=timezone.now())

    services.reconcile(now=timezone.now())

    assert subscriber.row.cancel_at_period_end
    subscriber.next()
    assert subscriber.settle().state == "ended"
    assert entitlement_of(subscriber).state == "active"


def test_after_its_end_it_can_be_subscribed_to_anew(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    subscriber = subscribed(stripe, ada, listing)
    subscribing.wish(buyer=ada, order_id=subscriber.order.pk, cancel=True, now=timezone.now())
    subscriber.next()
    subscriber.settle()
    Entitlement.objects.update(expires_at=timezone.now())

    again = subscribed(stripe, ada, listing)

    assert again.order.pk != subscriber.order.pk
    assert owns(ada, listing.pk)
