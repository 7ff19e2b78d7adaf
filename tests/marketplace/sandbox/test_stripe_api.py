"""The emulator's API, spoken to by the real SDK over HTTP."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk

from marketplace.sandbox.stripe_emulator.shapes import mismatches
from tests.marketplace.stripe_fixtures import REFUND_PENDING, Emulator

PRICE = {"currency": "krw", "unit_amount": 15_000, "product_data": {"name": "머그컵"}}


def session_params(**more: Any) -> Any:
    return {
        "mode": "payment",
        "success_url": "http://shop.test/ok?s={CHECKOUT_SESSION_ID}",
        "cancel_url": "http://shop.test/back",
        "line_items": [{"quantity": 2, "price_data": PRICE}],
        **more,
    }


def test_a_session_has_what_was_asked_for(stripe: Emulator) -> None:
    session = stripe.sdk.v1.checkout.sessions.create(
        session_params(client_reference_id="o-1", metadata={"order": "1"}, customer_email="a@b.kr")
    )

    assert (session.amount_total, session.currency) == (30_000, "krw")
    assert (session.status, session.payment_status) == ("open", "unpaid")
    assert session.client_reference_id == "o-1"
    assert session.metadata is not None
    assert session.metadata.to_dict() == {"order": "1"}
    assert session.customer_email == "a@b.kr"
    assert session.payment_intent is None
    assert session.url == f"{stripe.base}/c/pay/{session.id}"
    assert session.expires_at - session.created == 24 * 3600


def test_every_answer_is_what_the_sdk_announces(stripe: Emulator) -> None:
    client = stripe.sdk
    endpoint = client.v1.webhook_endpoints.create(
        {"url": "http://127.0.0.1:9/", "enabled_events": ["charge.refunded"]}
    )
    session = client.v1.checkout.sessions.create(session_params())
    assert session.url
    stripe.pay(session.url, "4000000000000002")
    stripe.pay(session.url, REFUND_PENDING)
    session = client.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge.balance_transaction", "line_items"]}
    )
    intent = session.payment_intent
    assert isinstance(intent, sdk.PaymentIntent)
    charge = intent.latest_charge
    assert isinstance(charge, sdk.Charge)
    assert isinstance(charge.balance_transaction, sdk.BalanceTransaction)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 10})
    [item] = session.line_items.data if session.line_items else []
    assert item.price is not None
    event = client.v1.events.list({"limit": 1}).data[0]

    for answer in (
        endpoint, session, intent, charge, charge.balance_transaction, refund, item, item.price,
        event,
    ):  # fmt: skip
        assert mismatches(type(answer), answer.to_dict()) == []
    lists: list[Any] = [
        client.v1.checkout.sessions.list(), client.v1.payment_intents.list(),
        client.v1.charges.list(), client.v1.refunds.list(), client.v1.events.list(),
        client.v1.balance_transactions.list(), client.v1.webhook_endpoints.list(),
    ]  # fmt: skip
    for found in lists:
        assert found.data
        for answer in found.data:
            assert mismatches(type(answer), answer.to_dict()) == []


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"sucess_url": "x"}, "sucess_url", "parameter_unknown"),
        ({"mode": "nope"}, "mode", None),
        ({"mode": "setup"}, "mode", None),
        ({"success_url": "nowhere"}, "success_url", "url_invalid"),
        ({"customer_email": "nobody"}, "customer_email", "email_invalid"),
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"line_items": [{"price": "price_1"}]}, "line_items[0][price_data]", None),
        ({"line_items": [{"price_data": PRICE, "quantity": 0}]}, "line_items[0][quantity]", None),
        (
            {"line_items": [{"price_data": {**PRICE, "unit_amount": "9.5"}}]},
            "line_items[0][price_data][unit_amount]",
            "parameter_invalid_integer",
        ),
        (
            {"line_items": [{"price_data": {"unit_amount": 500}}]},
            "line_items[0][price_data][currency]",
            "parameter_missing",
        ),
        (
            {"line_items": [{"price_data": {**PRICE, "currency": "xyz"}}]},
            "line_items[0][price_data][currency]",
            None,
        ),
        ({"expires_at": 1}, "expires_at", None),
        ({"expires_at": 4_000_000_000}, "expires_at", None),
        ({"allow_promotion_codes": True}, "allow_promotion_codes", None),
        ({"metadata": {"k": "v" * 501}}, "metadata", None),
    ],
)
def test_a_wrong_request_is_refused_as_stripe_does(
    stripe: Emulator, change: dict[str, Any], param: str, code: str | None
) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.checkout.sessions.create(session_params(**change))

    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert refused.value.code == code
    assert refused.value.request_id


@pytest.mark.parametrize(
    ("currency", "amount", "accepted"),
    [
        ("usd", 50, True),
        ("usd", 49, False),
        ("krw", 100, True),
        ("krw", 99, False),
        ("jpy", 50, True),
        ("kwd", 1_230, True),
        ("kwd", 1_235, False),
        ("kwd", 10, False),
        ("usd", 100_000_000, False),
    ],
)
def test_each_currency_has_its_minor_unit_and_its_least(
    stripe: Emulator, currency: str, amount: int, accepted: bool
) -> None:
    price = {**PRICE, "currency": currency, "unit_amount": amount}
    params = session_params(line_items=[{"price_data": price, "quantity": 1}])

    if accepted:
        assert stripe.sdk.v1.checkout.sessions.create(params).amount_total == amount
    else:
        with pytest.raises(sdk.InvalidRequestError):
            stripe.sdk.v1.checkout.sessions.create(params)


def test_a_repeated_key_replays_and_another_body_is_refused(stripe: Emulator) -> None:
    create, key = stripe.sdk.v1.checkout.sessions.create, uuid.uuid4().hex
    first = create(session_params(), {"idempotency_key": key})

    again = create(session_params(), {"idempotency_key": key})
    with pytest.raises(sdk.IdempotencyError) as refused:
        create(session_params(client_reference_id="other"), {"idempotency_key": key})

    assert again.id == first.id
    assert first.last_response is not None
    assert again.last_response is not None
    assert "Idempotent-Replayed" not in first.last_response.headers
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert refused.value.http_status == 400


def test_a_refused_request_is_replayed_too_but_an_invalid_one_is_not(stripe: Emulator) -> None:
    refund, key = stripe.sdk.v1.refunds.create, uuid.uuid4().hex

    with pytest.raises(sdk.InvalidRequestError) as first:
        refund({"payment_intent": "pi_none"}, {"idempotency_key": key})
    with pytest.raises(sdk.InvalidRequestError) as again:
        refund({"payment_intent": "pi_none"}, {"idempotency_key": key})
    with pytest.raises(sdk.IdempotencyError):
        refund({"payment_intent": "pi_other"}, {"idempotency_key": key})
    with pytest.raises(sdk.InvalidRequestError):
        refund({"reason": "because"}, {"idempotency_key": key + "2"})
    # Nothing ran, so the key is free for the corrected request.
    create = stripe.sdk.v1.checkout.sessions.create
    assert create(session_params(), {"idempotency_key": key + "2"}).id

    assert first.value.headers is not None
    assert again.value.headers is not None
    assert again.value.json_body == first.value.json_body


def test_an_answer_that_was_lost_is_found_again_by_the_key(stripe: Emulator) -> None:
    reference = uuid.uuid4().hex
    stripe.hook("fail_next", count=1, status=500, when="after", path="/v1/checkout/sessions")
    client = sdk.StripeClient(
        "sk_test_x", base_addresses={"api": stripe.base}, max_network_retries=1
    )

    session = client.v1.checkout.sessions.create(session_params(client_reference_id=reference))

    found = stripe.sdk.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter()
    assert [s.id for s in found if s.client_reference_id == reference] == [session.id]


def test_paging_forwards_backwards_and_by_filter(stripe: Emulator) -> None:
    made = [stripe.sdk.v1.checkout.sessions.create(session_params()).id for _ in range(5)]
    sessions = stripe.sdk.v1.checkout.sessions

    first = sessions.list({"limit": 2})
    second = sessions.list({"limit": 2, "starting_after": made[3]})
    back = sessions.list({"limit": 2, "ending_before": made[1]})

    assert [s.id for s in first.data] == made[:2:-1]
    assert first.has_more
    assert [s.id for s in second.data] == [made[2], made[1]]
    assert [s.id for s in back.data] == [made[3], made[2]]
    assert sessions.list({"payment_intent": "pi_none"}).data == []
    with pytest.raises(sdk.InvalidRequestError):
        sessions.list({"limit": 101})
    with pytest.raises(sdk.InvalidRequestError):
        sessions.list({"starting_after": "cs_none"})


def test_what_cannot_be_expanded_is_refused(stripe: Emulator) -> None:
    session = stripe.sdk.v1.checkout.sessions.create(session_params())

    for path in ("amount_total", "a.b.c.d.e"):
        with pytest.raises(sdk.InvalidRequestError):
            stripe.sdk.v1.checkout.sessions.retrieve(session.id, {"expand": [path]})


def test_strangers_and_unknown_addresses(stripe: Emulator) -> None:
    live = sdk.StripeClient("sk_live_1", base_addresses={"api": stripe.base})
    with pytest.raises(sdk.AuthenticationError) as refused:
        live.v1.refunds.list()
    assert "sk_live_1" not in str(refused.value)
    assert stripe.http.get(f"{stripe.base}/v1/refunds").status_code == 401

    with pytest.raises(sdk.InvalidRequestError, match="Unrecognized request URL") as unknown:
        stripe.sdk.v1.coupons.list()
    assert unknown.value.http_status == 404
    with pytest.raises(sdk.InvalidRequestError, match="No such") as missing:
        stripe.sdk.v1.checkout.sessions.retrieve("cs_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


def test_the_version_is_echoed_and_a_wrong_one_refused(stripe: Emulator) -> None:
    answer = stripe.sdk.v1.refunds.list()
    assert answer.last_response is not None
    assert answer.last_response.headers["Stripe-Version"] == sdk.api_version
    assert answer.last_response.headers["Request-Id"].startswith("req_")

    with pytest.raises(sdk.InvalidRequestError, match="Stripe API version"):
        stripe.sdk.v1.refunds.list({}, {"stripe_version": "yesterday"})


def test_it_listens_on_this_machine_alone(stripe: Emulator) -> None:
    port = stripe.base.rsplit(":", 1)[1]
    listening = [
        line.split()[1]
        for name in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(name).read_text().splitlines()[1:]
        if line.split()[3] == "0A"
    ]

    assert [a for a in listening if int(a.split(":")[1], 16) == int(port)] == [
        f"0100007F:{int(port):04X}"
    ]
