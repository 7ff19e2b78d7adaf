"""The one module that knows Stripe, against the emulator."""

from __future__ import annotations

import datetime as dt
import uuid

import pytest
import stripe as sdk
from django.utils import timezone
from pytest_django import Settings

from marketplace.core.money import Money
from marketplace.payments import gateway, stripe_client
from marketplace.payments.errors import (
    PaymentRefusedError,
    PaymentsUnavailableError,
    RefundRefusedError,
    SessionNotOpenError,
)
from marketplace.payments.types import Item, SessionSnapshot
from tests.marketplace.stripe_fixtures import Emulator


def opened(amount: Money | None = None, *, payment_id: uuid.UUID | None = None) -> SessionSnapshot:
    return gateway.create_session(
        payment_id=payment_id or uuid.uuid4(),
        items=[Item("밤의 노래", amount or Money(9_900, "KRW"))],
        email="ada@example.org",
        success_url="http://shop.test/ok",
        cancel_url="http://shop.test/back",
        expires_at=timezone.now() + dt.timedelta(hours=1),
    )


def test_the_pinned_version_is_the_one_the_sdk_knows() -> None:
    assert sdk.api_version == stripe_client.API_VERSION


def test_a_session_is_read_into_our_words(stripe: Emulator) -> None:
    payment_id = uuid.uuid4()

    session = opened(Money(1_250, "USD"), payment_id=payment_id)

    assert (session.status, session.paid, session.intent_id) == ("open", False, None)
    assert (session.amount_minor, session.currency) == (1_250, "USD")
    assert session.reference == str(payment_id)
    stripe.pay(session.url)
    paid = gateway.retrieve_session(session.id)
    assert (paid.status, paid.paid, paid.url, paid.intent_status) == (
        "complete",
        True,
        "",
        "succeeded",
    )
    assert paid.intent_id
    assert gateway.find_session(paid.intent_id) == paid
    assert gateway.find_session("pi_none") is None


def test_a_refund_is_made_once_for_one_id_of_ours(stripe: Emulator) -> None:
    session = opened()
    stripe.pay(session.url)
    intent = gateway.retrieve_session(session.id).intent_id
    assert intent
    refund_id = uuid.uuid4()

    first = gateway.create_refund(refund_id=refund_id, intent_id=intent, amount_minor=4_000)
    again = gateway.create_refund(refund_id=refund_id, intent_id=intent, amount_minor=4_000)

    assert first == again
    assert (first.amount_minor, first.status, first.ours) == (4_000, "succeeded", str(refund_id))
    assert gateway.list_refunds(intent) == [first]


def test_more_refunds_than_a_page_are_all_read(stripe: Emulator) -> None:
    session = opened()
    stripe.pay(session.url)
    intent = gateway.retrieve_session(session.id).intent_id
    assert intent
    for _ in range(101):
        stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": 1})

    assert len(gateway.list_refunds(intent)) == 101


def test_refusals_come_as_sentences_with_stripes_code(stripe: Emulator) -> None:
    session = opened()
    gateway.expire_session(session.id)

    with pytest.raises(SessionNotOpenError, match="Stripe refused: Only Checkout Sessions"):
        gateway.expire_session(session.id)
    with pytest.raises(RefundRefusedError, match="No such paymentintent") as refused:
        gateway.create_refund(refund_id=uuid.uuid4(), intent_id="pi_none", amount_minor=1)
    with pytest.raises(PaymentRefusedError, match="at least 100 KRW") as small:
        opened(Money(99, "KRW"))

    assert refused.value.stripe_code == "resource_missing"
    assert small.value.stripe_code == "amount_too_small"


@pytest.mark.parametrize("way", ["no key", "wrong key", "nobody there", "broken"])
def test_where_stripe_cannot_be_used_nothing_is_promised(
    stripe: Emulator, settings: Settings, way: str
) -> None:
    if way == "no key":
        settings.STRIPE_SECRET_KEY = ""
    elif way == "wrong key":
        settings.STRIPE_SECRET_KEY = "pk_test_1"
    elif way == "nobody there":
        settings.STRIPE_API_BASE = "http://127.0.0.1:9"
    else:
        stripe.hook("fail_next", count=3, status=500)

    with pytest.raises(PaymentsUnavailableError):
        opened()


def test_two_answers_that_fail_are_tried_a_third_time(stripe: Emulator) -> None:
    stripe.hook("fail_next", count=2, status=500)

    assert opened().status == "open"
