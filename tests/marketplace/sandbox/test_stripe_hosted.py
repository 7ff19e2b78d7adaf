"""The hosted page: what the buyer may do on it, and what comes of it."""

from __future__ import annotations

import html
from typing import Any

import httpx
import pytest
import stripe as sdk

from tests.marketplace.sandbox.test_stripe_api import PRICE, session_params
from tests.marketplace.stripe_fixtures import (
    CHALLENGED,
    DECLINED,
    POOR,
    REFUND_FAILS,
    REFUND_PENDING,
    Emulator,
)


def opened(stripe: Emulator, **more: Any) -> sdk.checkout.Session:
    return stripe.sdk.v1.checkout.sessions.create(session_params(**more))


def now(stripe: Emulator, session: sdk.checkout.Session) -> sdk.checkout.Session:
    expanded = {"expand": ["payment_intent.latest_charge"]}
    return stripe.sdk.v1.checkout.sessions.retrieve(session.id, expanded)  # type: ignore[arg-type]


def get(stripe: Emulator, url: str | None) -> httpx.Response:
    assert url
    return stripe.http.get(url)


def test_the_page_shows_what_is_paid_and_that_it_is_an_emulator(stripe: Emulator) -> None:
    title = "<script>alert('거북')</script>"
    price = {**PRICE, "product_data": {"name": title}}
    session = opened(stripe, line_items=[{"price_data": price}], customer_email="ada@x.kr")

    page = get(stripe, session.url)

    assert page.status_code == 200
    assert html.escape(title) in page.text
    assert title not in page.text
    assert "15,000 KRW" in page.text
    assert "Stripe emulator" in page.text
    assert 'value="ada@x.kr" readonly' in page.text
    assert 'href="http://shop.test/back"' in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert get(stripe, f"{stripe.base}/assets/page.css").status_code == 200


def test_a_good_card_pays_once(stripe: Emulator) -> None:
    session = opened(stripe)
    assert session.url

    paid = stripe.pay(session.url)
    again = stripe.pay(session.url)

    assert paid.status_code == 303
    assert paid.headers["Location"] == f"http://shop.test/ok?s={session.id}"
    assert again.status_code == 410
    after = now(stripe, session)
    assert (after.status, after.payment_status, after.url) == ("complete", "paid", None)
    intent = after.payment_intent
    assert isinstance(intent, sdk.PaymentIntent)
    assert (intent.status, intent.amount_received) == ("succeeded", 30_000)
    assert len(stripe.sdk.v1.charges.list({"payment_intent": intent.id}).data) == 1


@pytest.mark.parametrize(
    ("card", "reason"), [(DECLINED, "generic_decline"), (POOR, "insufficient_funds")]
)
def test_a_declined_card_stays_on_the_page_and_another_may_pay(
    stripe: Emulator, card: str, reason: str
) -> None:
    session = opened(stripe)
    assert session.url

    declined = stripe.pay(session.url, card)

    assert declined.status_code == 402
    assert 'role="alert"' in declined.text
    after = now(stripe, session)
    assert (after.status, after.payment_status) == ("open", "unpaid")
    intent = after.payment_intent
    assert isinstance(intent, sdk.PaymentIntent)
    assert intent.last_payment_error is not None
    assert intent.last_payment_error.decline_code == reason
    assert stripe.pay(session.url).status_code == 303
    paid = now(stripe, session).payment_intent
    assert isinstance(paid, sdk.PaymentIntent)
    assert (paid.id, paid.status) == (intent.id, "succeeded")


def test_a_challenged_card_pays_when_the_buyer_approves(stripe: Emulator) -> None:
    session = opened(stripe)
    assert session.url

    asked = stripe.pay(session.url, CHALLENGED)
    question = asked.headers["Location"]
    page = get(stripe, question)
    refused = stripe.http.post(question, data={"verdict": "refuse"})
    unpaid = now(stripe, session).payment_status
    asked = stripe.pay(session.url, CHALLENGED)
    stale = stripe.http.post(question, data={"verdict": "approve"})
    approved = stripe.http.post(asked.headers["Location"], data={"verdict": "approve"})

    assert "Is it you who pays 30,000 KRW?" in page.text
    assert (refused.status_code, unpaid) == (402, "unpaid")
    assert stale.status_code == 404
    assert approved.status_code == 303
    assert now(stripe, session).payment_status == "paid"


@pytest.mark.parametrize(("succeeds", "status"), [(True, "paid"), (False, "unpaid")])
def test_a_bank_transfer_is_settled_later(stripe: Emulator, succeeds: bool, status: str) -> None:
    session = opened(stripe)
    assert session.url

    promised = stripe.pay(session.url, method="bank")
    before = now(stripe, session)
    stripe.hook(f"settle/{session.id}", succeeds=succeeds)

    assert promised.status_code == 303
    assert (before.status, before.payment_status) == ("complete", "unpaid")
    assert isinstance(before.payment_intent, sdk.PaymentIntent)
    assert before.payment_intent.status == "processing"
    after = now(stripe, session)
    assert (after.status, after.payment_status) == ("complete", status)
    name = "succeeded" if succeeds else "failed"
    assert stripe.events(f"checkout.session.async_payment_{name}", id=session.id)


def test_slow_money_arrives_by_itself(stripe: Emulator) -> None:
    good, bad = opened(stripe), opened(stripe)
    stripe.pay(good.url or "", method="bank")
    stripe.pay(bad.url or "", method="bank_fail")

    stripe.hook("clock", advance=3601)

    assert now(stripe, good).payment_status == "paid"
    intent = now(stripe, bad).payment_intent
    assert isinstance(intent, sdk.PaymentIntent)
    assert intent.status == "requires_payment_method"


@pytest.mark.parametrize("way", ["time", "api"])
def test_an_expired_page_takes_no_money(stripe: Emulator, way: str) -> None:
    session = opened(stripe)
    assert session.url
    if way == "time":
        stripe.hook("clock", advance=24 * 3600 + 1)
    else:
        stripe.sdk.v1.checkout.sessions.expire(session.id)

    late = stripe.pay(session.url)

    assert late.status_code == 410
    assert "Nothing was taken" in late.text
    assert now(stripe, session).status == "expired"
    assert len(stripe.events("checkout.session.expired", id=session.id)) == 1
    with pytest.raises(sdk.InvalidRequestError, match="open"):
        stripe.sdk.v1.checkout.sessions.expire(session.id)


@pytest.mark.parametrize(
    "typed",
    [
        {"number": "4242 4242 4242 4241"},
        {"number": "abc"},
        {"number": "4" * 300},
        {"expiry": "13 / 34"},
        {"expiry": "01 / 20"},
        {"cvc": "1"},
        {"email": "nobody"},
    ],
)
def test_what_cannot_be_right_is_said_and_charges_nothing(
    stripe: Emulator, typed: dict[str, str]
) -> None:
    session = opened(stripe)
    assert session.url

    page = stripe.pay(session.url, **typed)

    assert page.status_code == 422
    assert 'role="alert"' in page.text
    assert now(stripe, session).payment_intent is None


@pytest.mark.parametrize("expiry", ["1234", "12/34", "12 / 2034", "1/34"])
def test_an_expiry_is_read_as_people_type_it(stripe: Emulator, expiry: str) -> None:
    session = opened(stripe)
    assert session.url

    stripe.pay(session.url, expiry=expiry)

    assert now(stripe, session).payment_status == "paid"


def test_no_other_card_is_taken(stripe: Emulator) -> None:
    session = opened(stripe)

    # Well-formed, and not one of the test cards.
    assert stripe.pay(session.url or "", "4539578763621486").status_code == 402
    assert get(stripe, f"{stripe.base}/c/pay/cs_test_none").status_code == 404


def paid_intent(stripe: Emulator, card: str) -> str:
    session = opened(stripe)
    assert stripe.pay(session.url or "", card).status_code == 303
    intent = now(stripe, session).payment_intent
    assert isinstance(intent, sdk.PaymentIntent)
    return intent.id


def charge_of(stripe: Emulator, intent: str) -> sdk.Charge:
    return stripe.sdk.v1.charges.list({"payment_intent": intent}).data[0]


def test_refunds_in_parts_never_exceed_the_charge(stripe: Emulator) -> None:
    intent = paid_intent(stripe, "4242424242424242")
    refund = stripe.sdk.v1.refunds.create

    part = refund({"payment_intent": intent, "amount": 10_000, "metadata": {"k": "v"}})
    with pytest.raises(sdk.InvalidRequestError, match=r"20,001 KRW.*20,000 KRW"):
        refund({"payment_intent": intent, "amount": 20_001})
    for amount in (0, -1):
        with pytest.raises(sdk.InvalidRequestError):
            refund({"payment_intent": intent, "amount": amount})
    rest = refund({"payment_intent": intent})
    with pytest.raises(sdk.InvalidRequestError) as done:
        refund({"payment_intent": intent})

    assert (part.amount, part.status, rest.amount) == (10_000, "succeeded", 20_000)
    assert done.value.code == "charge_already_refunded"
    charge = charge_of(stripe, intent)
    assert (charge.amount_refunded, charge.refunded) == (30_000, True)
    booked = stripe.sdk.v1.balance_transactions.list({"source": rest.id}).data[0]
    assert (booked.amount, booked.type) == (-20_000, "refund")


def test_what_was_not_paid_is_not_refunded(stripe: Emulator) -> None:
    session = opened(stripe)
    stripe.pay(session.url or "", DECLINED)
    intent = now(stripe, session).payment_intent
    assert isinstance(intent, sdk.PaymentIntent)

    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(sdk.InvalidRequestError, match="One of the following"):
        stripe.sdk.v1.refunds.create({})

    assert refused.value.code == "charge_not_refundable"


def test_a_refund_may_be_pending_first(stripe: Emulator) -> None:
    refund = stripe.sdk.v1.refunds.create({"payment_intent": paid_intent(stripe, REFUND_PENDING)})

    stripe.hook("clock", advance=3601)

    assert refund.status == "pending"
    assert stripe.sdk.v1.refunds.retrieve(refund.id).status == "succeeded"
    assert stripe.events("refund.updated", id=refund.id)


def test_a_refund_may_come_back(stripe: Emulator) -> None:
    intent = paid_intent(stripe, REFUND_FAILS)
    refund = stripe.sdk.v1.refunds.create({"payment_intent": intent})

    stripe.hook(f"settle/{refund.id}", succeeds=False)

    assert refund.status == "succeeded"
    after = stripe.sdk.v1.refunds.retrieve(refund.id)
    assert (after.status, after.failure_reason) == ("failed", "expired_or_canceled_card")
    assert charge_of(stripe, intent).amount_refunded == 0
    assert stripe.events("refund.failed", id=refund.id)
