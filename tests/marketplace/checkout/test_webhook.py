from __future__ import annotations

import datetime as dt
import io
import itertools
from typing import Any

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from marketplace.checkout import services
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import EntitlementEvent
from marketplace.orders.models import Order
from marketplace.payments.models import Payment, StripeEvent
from marketplace.payments.services import refresh_payment
from tests.marketplace.checkout.shopping import (
    begin,
    bought,
    client_of,
    deliver,
    order_of,
    payment_of,
    snapshot,
)
from tests.marketplace.sandbox.test_stripe_webhooks import wait_until
from tests.marketplace.stripe_fixtures import Emulator, signed
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)


def completed(stripe: Emulator, payment: Payment) -> dict[str, Any]:
    """Pay on the hosted page, and return the event that says so."""
    stripe.pay(payment.checkout_url)
    assert payment.session_id
    [event] = stripe.events("checkout.session.completed", id=payment.session_id)
    return event


def test_the_webhook_fulfils_before_the_buyer_returns(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)

    answer = deliver(completed(stripe, payment))

    assert answer.status_code == 200
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)
    assert len(mail.outbox) == 1


def test_another_sum_than_the_orders_buys_nothing(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    event = completed(stripe, payment)
    Order.objects.filter(bill_id=payment.bill_id).update(price_minor=99_000, list_minor=99_000)

    answer = deliver(event)

    assert answer.status_code == 503
    assert not licensing.owns(ada, listing.pk)
    assert order_of(payment).state == "pending"


def test_the_session_of_another_order_buys_nothing(stripe: Emulator) -> None:
    ada, cheap, dear = make_person(), sell(), sell(title="같은 값")
    paid, waiting = begin(ada, cheap), begin(ada, dear)
    event = completed(stripe, paid)
    # As if two answers of Stripe had been written into each other's rows.
    Payment.objects.filter(pk=paid.pk).update(session_id="cs_lost")
    Payment.objects.filter(pk=waiting.pk).update(session_id=paid.session_id)

    answer = deliver(event)

    assert answer.status_code == 503
    assert not licensing.owns(ada, dear.pk)


def test_an_event_that_comes_again_fulfils_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    event = completed(stripe, payment)

    answers = [deliver(event).status_code for _ in range(3)]
    client_of(ada).get(f"/orders/{order_of(payment).pk}/")

    assert answers == [200, 200, 200]
    assert StripeEvent.objects.get(pk=event["id"]).attempts == 1
    assert EntitlementEvent.objects.count() == 1
    assert len(mail.outbox) == 1


@pytest.mark.parametrize(
    ("header", "body"),
    [
        ("", b"{}"),
        ("nonsense", b"{}"),
        ("t=1,v1=00", b"{}"),
        ("t=x,v1=y", b"{}"),
        ("t=1700000000,v1=" + "0" * 64, b'{"id": "evt_1"}'),
        ("\u00e9", b"\xff\xfe"),
    ],
)
def test_a_forged_call_is_refused_and_not_kept(stripe: Emulator, header: str, body: bytes) -> None:
    answer = Client().post(
        "/webhooks/stripe/", body, "application/json", headers={"Stripe-Signature": header}
    )

    assert answer.status_code == 400
    assert StripeEvent.objects.count() == 0


def test_the_signature_covers_secret_body_and_time(stripe: Emulator) -> None:
    payment = begin(make_person(), sell())
    event = completed(stripe, payment)
    changed = signed(event)
    changed["data"] = changed["data"].replace(b"evt_", b"evt-")

    assert deliver(event, secret="whsec_other").status_code == 400
    assert deliver(event, age=301).status_code == 400
    assert Client().post("/webhooks/stripe/", **changed).status_code == 400
    assert Client().get("/webhooks/stripe/").status_code == 405

    assert StripeEvent.objects.count() == 0
    assert order_of(payment).state == "pending"
    assert deliver(event, age=290).status_code == 200


def test_without_a_secret_nothing_is_believed(stripe: Emulator, settings: Settings) -> None:
    settings.STRIPE_WEBHOOK_SECRET = ""
    event = completed(stripe, begin(make_person(), sell()))

    assert deliver(event, secret="").status_code == 400
    assert StripeEvent.objects.count() == 0


def test_signed_words_that_are_no_event_are_refused(stripe: Emulator) -> None:
    for strange in ({}, {"object": "event"}, {"id": 1, "object": "event", "data": None}):
        assert deliver(strange).status_code == 400

    assert StripeEvent.objects.count() == 0


def test_what_means_nothing_here_is_answered_and_kept(stripe: Emulator) -> None:
    def event(name: str, kind: str, **about: Any) -> dict[str, Any]:
        return {"id": name, "object": "event", "type": kind, "data": {"object": about}}

    foreign = stripe.sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "http://other.test/",
            "line_items": [
                {
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": 500,
                        "product_data": {"name": "x"},
                    },
                    "quantity": 1,
                }
            ],
        }
    )
    events = [
        event("evt_a", "customer.created", id="cus_1", object="customer"),
        event("evt_b", "never.heard.of", id="x_1", object="x"),
        event("evt_c", "charge.refunded", id="ch_1", object="charge", payment_intent=None),
        event("evt_d", "checkout.session.completed", id=foreign.id, object="checkout.session"),
        event("evt_e", "charge.refunded", id="ch_2", object="charge", payment_intent="pi_other"),
    ]

    assert [deliver(e).status_code for e in events] == [200] * 5

    assert StripeEvent.objects.filter(processed_at__isnull=False).count() == 5
    assert Order.objects.count() == 0


def test_the_event_is_a_hint_and_not_the_truth(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    # Properly signed, but at Stripe the session is not paid.
    lie = {
        "id": "evt_lie",
        "object": "event",
        "type": "checkout.session.completed",
        "data": {
            "object": {
                "id": payment.session_id,
                "object": "checkout.session",
                "status": "complete",
                "payment_status": "paid",
            }
        },
    }

    assert deliver(lie).status_code == 200

    assert snapshot(ada, listing, order_of(payment)) == ("pending", "open", False)


def test_what_could_not_be_acted_on_is_asked_for_again(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    event = completed(stripe, payment)
    stripe.hook("fail_next", count=3, status=500, path="/v1/checkout/sessions")

    first = deliver(event)
    kept = StripeEvent.objects.get(pk=event["id"])
    between = snapshot(ada, listing, order_of(payment))
    second = deliver(event)

    assert (first.status_code, second.status_code) == (503, 200)
    assert kept.processed_at is None
    assert "PaymentsUnavailableError" in kept.last_error
    assert between == ("pending", "open", False)
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)
    done = StripeEvent.objects.get(pk=event["id"])
    assert (done.attempts, done.last_error) == (2, "")


def test_an_event_is_enough_where_the_answer_that_named_the_session_was_lost(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    event = completed(stripe, payment)
    Payment.objects.update(session_id=None, checkout_url="", state="starting")

    assert deliver(event).status_code == 200

    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_events_in_any_order_end_the_same(stripe: Emulator, order: tuple[int, ...]) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    paid = completed(stripe, payment)
    intent = stripe.sdk.v1.checkout.sessions.retrieve(payment.session_id or "").payment_intent
    assert isinstance(intent, str)
    refund = stripe.sdk.v1.refunds.create({"payment_intent": intent})
    [created] = stripe.events("refund.created", id=refund.id)
    [refunded] = stripe.events("charge.refunded", payment_intent=intent)
    expired = {**paid, "id": paid["id"] + "x", "type": "checkout.session.expired"}
    events = [paid, created, refunded, expired]

    answers = [deliver(events[i]).status_code for i in order]

    assert answers == [200] * 4
    assert snapshot(ada, listing, order_of(payment)) == ("refunded", "refunded", False)
    assert len([m for m in mail.outbox if m.subject.startswith("Refund")]) == 1


def test_completed_after_refunded_moves_forwards_only(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    paid = completed(stripe, payment)
    deliver(paid)
    again = {**paid, "id": paid["id"] + "again"}
    order = services.refund_order(
        order_id=order_of(payment).pk, by=listing.seller, reason="", now=timezone.now()
    )

    assert deliver(again).status_code == 200

    assert snapshot(ada, listing, order) == ("refunded", "refunded", False)
    assert [e.kind for e in EntitlementEvent.objects.all()] == ["granted", "refunded"]


def test_the_emulator_delivers_to_the_live_shop(
    stripe: Emulator, live_server: LiveServer, settings: Settings
) -> None:
    endpoint = stripe.sdk.v1.webhook_endpoints.create(
        {"url": f"{live_server.url}/webhooks/stripe/", "enabled_events": ["*"]}
    )
    assert endpoint.secret
    settings.STRIPE_WEBHOOK_SECRET = endpoint.secret
    stripe.hook("rules", type="checkout.session.completed", action="twice")
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)

    stripe.pay(payment.checkout_url)
    wait_until(lambda: order_of(payment).state == "paid")
    wait_until(
        lambda: {d["state"] for d in stripe.deliveries(payment.session_id or "")} == {"delivered"}
    )

    assert licensing.owns(ada, listing.pk)
    assert EntitlementEvent.objects.count() == 1
    assert len(mail.outbox) == 1


def test_a_sweep_settles_what_no_event_told_of(stripe: Emulator) -> None:
    ada, bob, eve = make_person("ada"), make_person("bob"), make_person("eve")
    listing = sell()
    paid, expired, open_ = begin(ada, listing), begin(bob, listing), begin(eve, listing)
    stripe.pay(paid.checkout_url)
    stripe.sdk.v1.checkout.sessions.expire(expired.session_id or "")

    call_command("stripe", "reconcile", stdout=io.StringIO())

    assert snapshot(ada, listing, order_of(paid)) == ("paid", "succeeded", True)
    assert snapshot(bob, listing, order_of(expired)) == ("expired", "expired", False)
    assert snapshot(eve, listing, order_of(open_)) == ("pending", "open", False)


def test_a_sweep_takes_up_events_that_were_left(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    event = completed(stripe, payment)
    stripe.hook("fail_next", count=3, status=500, path="/v1/checkout/sessions")
    deliver(event)

    done = services.reconcile(now=timezone.now())
    again = services.reconcile(now=timezone.now())

    assert (done.events, done.failures) == (1, 0)
    assert (again.events, again.bills, again.failures) == (0, 0, 0)
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


def test_a_sweep_finishes_a_fulfilment_that_a_crash_cut_off(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url)
    # The payment was recorded, and the process died before the order was touched.
    refresh_payment(bill_id=payment.bill_id, now=timezone.now())
    between = snapshot(ada, listing, order_of(payment))

    services.reconcile(now=timezone.now())

    assert between == ("pending", "succeeded", False)
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


def test_a_sweep_that_cannot_reach_stripe_says_so_and_ends_with_an_error(
    stripe: Emulator,
) -> None:
    payment = begin(make_person(), sell())
    stripe.hook("fail_next", count=9, status=500)

    with pytest.raises(CommandError, match="log says why"):
        call_command("stripe", "reconcile", stdout=io.StringIO())

    assert payment_of(order_of(payment)).state == "open"


def test_an_order_that_never_got_a_page_is_freed_after_a_day(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    Payment.objects.all().delete()
    Order.objects.filter(pk=order.pk).update(state="pending")

    services.reconcile(now=timezone.now())
    young = Order.objects.get(pk=order.pk).state
    services.reconcile(now=timezone.now() + dt.timedelta(days=2))

    assert (young, Order.objects.get(pk=order.pk).state) == ("pending", "expired")


def test_a_refund_at_stripe_whose_events_never_came_is_found_by_the_sweep(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    intent = payment_of(order).payment_intent_id or ""

    stripe.sdk.v1.refunds.create({"payment_intent": intent})
    before = snapshot(ada, listing, order)
    services.reconcile(now=timezone.now())
    again = services.reconcile(now=timezone.now())

    assert before == ("paid", "succeeded", True)
    assert snapshot(ada, listing, order) == ("refunded", "refunded", False)
    assert again.events == 0


def test_the_sweep_keeps_nothing_that_is_about_others(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    bought(stripe, ada, listing)
    Order.objects.update(state="expired")  # its rows stay, and it belongs to this shop
    theirs = begin(make_person("eve"), listing)
    Payment.objects.filter(pk=theirs.pk).delete()
    stripe.pay(theirs.checkout_url)

    services.reconcile(now=timezone.now())

    kept = set(StripeEvent.objects.values_list("object_id", flat=True))
    assert theirs.session_id not in kept
    assert kept
