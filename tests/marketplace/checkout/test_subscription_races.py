"""Rivals at a subscription: on SQLite's one write lock here, on PostgreSQL by marker."""

from __future__ import annotations

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.checkout import services, subscribing
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.orders.models import Bill, Order
from marketplace.payments.models import Payment, Subscription, SubscriptionInvoice
from tests.marketplace.checkout.shopping import deliver
from tests.marketplace.checkout.subscribers import begin_subscription, offer, subscribed
from tests.marketplace.rivals import at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_rivals_begin_one_subscription(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()

    begun = at_once(lambda _: begin_subscription(ada, listing))

    assert len({url for _order, url in begun}) == 1
    assert (Order.objects.count(), Subscription.objects.count()) == (1, 1)


def test_the_first_payment_is_delivered_once(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    order, url = begin_subscription(ada, listing)
    stripe.pay(url)
    reference = str(Subscription.objects.get().pk)
    [event] = stripe.events("checkout.session.completed", client_reference_id=reference)

    def hear(number: int) -> object:
        if number % 2:
            return deliver(event).status_code
        return subscribing.settle_order(order, now=timezone.now()).state

    answers = at_once(hear)

    assert set(answers) == {200, "paid"}
    assert EntitlementEvent.objects.filter(kind="granted").count() == 1
    assert (Order.objects.count(), Payment.objects.count(), len(mail.outbox)) == (1, 1, 1)


def test_a_renewal_becomes_one_order(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.next(2)
    newest = stripe.sdk.v1.subscriptions.retrieve(subscriber.at_stripe).latest_invoice
    [event] = stripe.events("invoice.paid", id=str(newest))
    mail.outbox.clear()

    answers = at_once(lambda _: deliver(event).status_code)

    assert set(answers) == {200}
    assert (Order.objects.count(), Bill.objects.count(), Payment.objects.count()) == (2, 2, 2)
    assert SubscriptionInvoice.objects.filter(order_id=None).count() == 0
    assert EntitlementEvent.objects.filter(kind="extended").count() == 1
    assert len(mail.outbox) == 1


def test_a_refund_meets_a_renewal(stripe: Emulator) -> None:
    """Whichever comes first: in the end every order stands where its money is."""
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.next(2)

    def go(number: int) -> object:
        if number == 0:
            return services.refund_order(
                order_id=subscriber.order.pk,
                by=subscriber.listing.seller,
                reason="",
                now=timezone.now(),
            ).state
        return subscriber.settle().state

    answers = at_once(go)
    services.reconcile(now=timezone.now())
    subscriber.settle()

    assert answers[0] == "refunded"
    first, second = subscriber.orders()
    assert (first.state, second.state) == ("refunded", "paid")
    living = Entitlement.objects.get(order_id=second.pk)
    assert living.state == "active"
    assert living.expires_at == SubscriptionInvoice.objects.get(order_id=second.pk).period_end
