"""Rivals on threads of their own: on SQLite's one write lock here, on PostgreSQL by marker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.catalog.errors import SoldOutError
from marketplace.catalog.models import EditionCopy, Listing
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.licensing.models import EntitlementEvent
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment, Refund, StripeEvent
from tests.marketplace.checkout.shopping import (
    begin,
    bought,
    deliver,
    order_of,
    payment_of,
    reprice,
    settle,
    snapshot,
)
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

# Under the marker the same tests are run against PostgreSQL.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_rivals_begin_one_purchase(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()

    payments = at_once(lambda _: begin(ada, listing))

    assert len({payment.checkout_url for payment in payments}) == 1
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)
    found = stripe.sdk.v1.checkout.sessions.list({"limit": 100}).data
    assert len([s for s in found if s.client_reference_id == str(payments[0].pk)]) == 1


def test_rivals_get_what_is_free_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    reprice(listing, 0)

    def get(_: int) -> Any:
        return services.start_checkout(
            buyer=ada,
            wishes=[Wish(listing_id=listing.pk, seen=terms_of(listing).token)],
            site="http://shop.test",
            language="en",
            now=timezone.now(),
        )

    at_once(get)

    assert Order.objects.get().state == "paid"
    assert EntitlementEvent.objects.count() == 1
    assert len(mail.outbox) == 1


def test_one_event_eight_times_fulfils_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    [event] = stripe.events("checkout.session.completed", id=payment.session_id or "")

    answers = at_once(lambda _: deliver(event).status_code)

    assert answers == [200] * RIVALS
    assert StripeEvent.objects.count() == 1
    assert EntitlementEvent.objects.count() == 1
    assert len(mail.outbox) == 1
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


def test_webhook_return_page_and_sweep_at_once_fulfil_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    [event] = stripe.events("checkout.session.completed", id=payment.session_id or "")
    now = timezone.now()
    ways: list[Callable[[], Any]] = [
        lambda: deliver(event),
        lambda: settle(payment),
        lambda: services.reconcile(now=now),
        lambda: begin(ada, listing),
    ]

    at_once(lambda number: ways[number % len(ways)]())

    assert EntitlementEvent.objects.count() == 1
    assert len(mail.outbox) == 1
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


def test_rivals_refund_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)

    at_once(
        lambda _: services.refund_order(
            order_id=order.pk, by=listing.seller, reason="", now=timezone.now()
        )
    )

    intent = payment_of(order).payment_intent_id
    assert len(stripe.sdk.v1.refunds.list({"payment_intent": intent or ""}).data) == 1
    assert Refund.objects.count() == 1
    assert [e.kind for e in EntitlementEvent.objects.all()] == ["granted", "refunded"]
    assert len([m for m in mail.outbox if m.subject.startswith("Refund")]) == 1
    assert snapshot(ada, listing, order) == ("refunded", "refunded", False)


def test_refund_and_settling_at_once_end_refunded(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    order = order_of(payment)
    services.settle_order(order_id=order.pk, now=timezone.now())
    [event] = stripe.events("checkout.session.completed", id=payment.session_id or "")

    def rival(number: int) -> None:
        if number % 2:
            deliver({**event, "id": f"{event['id']}-{number}"})
        else:
            services.refund_order(
                order_id=order.pk, by=listing.seller, reason="", now=timezone.now()
            )

    at_once(rival)

    assert snapshot(ada, listing, order) == ("refunded", "refunded", False)
    assert [e.kind for e in EntitlementEvent.objects.all()] == ["granted", "refunded"]


def test_a_new_price_and_a_payment_at_once_never_take_money_for_nothing(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    old = begin(ada, listing)
    reprice(listing, 12_000)

    def rival(number: int) -> Any:
        if number == 0:
            return stripe.pay(old.checkout_url).status_code
        return begin(ada, listing)

    outcomes = at_once(rival)
    services.reconcile(now=timezone.now())

    paid = outcomes[0] == 303
    old_order = order_of(old)
    if paid and old_order.state == "paid":
        assert snapshot(ada, listing, old_order) == ("paid", "succeeded", True)
    elif paid:
        assert (old_order.state, payment_of(old_order).state) == ("refunded", "refunded")
    else:
        assert old_order.state == "expired"
        assert Order.objects.filter(state="pending").count() == 1


def test_rivals_for_the_last_copy_have_one_of_it(stripe: Emulator) -> None:
    listing = sell()
    Listing.objects.filter(pk=listing.pk).update(copies=1)
    buyers = [make_person(f"buyer{number}") for number in range(RIVALS)]

    def start(number: int) -> str:
        started = services.start_checkout(
            buyer=buyers[number],
            wishes=[Wish(listing_id=listing.pk, seen=terms_of(listing).token)],
            site="http://shop.test",
            language="en",
            now=timezone.now(),
        )
        assert started.pay_url is not None
        return started.pay_url

    results = at_once(start)

    assert sum(isinstance(result, str) for result in results) == 1
    assert sum(isinstance(result, SoldOutError) for result in results) == RIVALS - 1
    assert Order.objects.count() == Payment.objects.count() == EditionCopy.objects.count() == 1
