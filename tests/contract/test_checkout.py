"""Sessions, idempotency, refusals, refunds and events: what every purchase rests on."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk

from tests.contract.desk import Desk


def test_a_session_is_made_read_and_closed_once(desk: Desk) -> None:
    made = desk.session(client_reference_id="p-1", metadata={"payment": "p-1"})

    read = desk.api.v1.checkout.sessions.retrieve(made.id, {"expand": ["line_items"]})
    closed = desk.api.v1.checkout.sessions.expire(made.id)

    assert (made.status, made.payment_status, made.amount_total) == ("open", "unpaid", 1_250)
    assert (read.client_reference_id, read.currency) == ("p-1", desk.currency)
    assert read.line_items is not None
    assert [item.amount_total for item in read.line_items.data] == [1_250]
    items = desk.api.v1.checkout.sessions.line_items.list(made.id).data
    assert [item.description for item in items] == ["밤"]
    assert (closed.status, closed.url) == ("expired", None)
    with pytest.raises(sdk.InvalidRequestError):
        desk.api.v1.checkout.sessions.expire(made.id)
    assert made.id in [s.id for s in desk.api.v1.checkout.sessions.list({"limit": 20}).data]


def test_a_repeated_key_replays_and_another_body_is_refused(desk: Desk) -> None:
    options = desk.key()
    price = {"currency": "eur", "unit_amount": 500, "product_data": {"name": "x"}}
    params: Any = {
        "mode": "payment",
        "success_url": "https://shop.example/",
        "line_items": [{"quantity": 1, "price_data": price}],
    }

    first = desk.api.v1.checkout.sessions.create(params, options)
    again = desk.api.v1.checkout.sessions.create(params, options)

    assert first.id == again.id
    params["client_reference_id"] = "z"
    with pytest.raises(sdk.IdempotencyError):
        desk.api.v1.checkout.sessions.create(params, options)


@pytest.mark.parametrize(
    ("currency", "amount", "taken"),
    [
        ("eur", 49, False),
        ("eur", 50, True),
        ("krw", 99, False),
        ("krw", 100, True),
        ("jpy", 50, True),
        ("kwd", 1_005, False),  # three decimals, and the last one must be zero
        ("kwd", 1_010, True),
    ],
)
def test_each_currency_has_its_least(desk: Desk, currency: str, amount: int, taken: bool) -> None:
    price = {"currency": currency, "unit_amount": amount, "product_data": {"name": "x"}}
    line: Any = [{"quantity": 1, "price_data": price}]

    if taken:
        assert desk.session(line_items=line).amount_total == amount
        return
    with pytest.raises(sdk.InvalidRequestError):
        desk.session(line_items=line)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"no_such_parameter": "x"}, "no_such_parameter"),
        ({"mode": "nope"}, "mode"),
        ({"customer_email": "nobody"}, "customer_email"),
        ({"expires_at": 1}, "expires_at"),
    ],
)
def test_a_wrong_request_names_its_parameter(
    desk: Desk, change: dict[str, Any], param: str
) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        desk.session(**change)

    assert (refused.value.http_status, refused.value.param) == (400, param)


def test_what_does_not_exist_is_404(desk: Desk) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        desk.api.v1.checkout.sessions.retrieve("cs_test_none")

    assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")


def test_a_charge_says_what_arrives(desk: Desk) -> None:
    charge = desk.charge()

    booked = charge.balance_transaction
    assert isinstance(booked, sdk.BalanceTransaction)
    assert (charge.status, charge.amount, charge.disputed) == ("succeeded", 1_250, False)
    assert booked.fee > 0
    assert booked.net == booked.amount - booked.fee
    assert desk.api.v1.charges.retrieve(charge.id).id == charge.id
    assert desk.api.v1.balance_transactions.retrieve(booked.id).source == charge.id
    assert desk.api.v1.balance_transactions.list({"source": charge.id}).data[0].id == booked.id
    assert desk.api.v1.balance.retrieve().available
    intent = str(charge.payment_intent)
    assert desk.api.v1.charges.list({"payment_intent": intent}).data[0].id == charge.id
    assert intent in [i.id for i in desk.api.v1.payment_intents.list({"limit": 20}).data]


def test_money_goes_back_in_parts_and_never_more_than_came(desk: Desk) -> None:
    charge = desk.charge()
    intent = str(charge.payment_intent)

    part = desk.api.v1.refunds.create({"payment_intent": intent, "amount": 250})
    with pytest.raises(sdk.InvalidRequestError):
        desk.api.v1.refunds.create({"payment_intent": intent, "amount": 1_001})
    rest = desk.api.v1.refunds.create({"payment_intent": intent})
    with pytest.raises(sdk.InvalidRequestError) as refused:
        desk.api.v1.refunds.create({"payment_intent": intent})

    assert (part.amount, rest.amount) == (250, 1_000)
    assert refused.value.code == "charge_already_refunded"
    assert {r.id for r in desk.api.v1.refunds.list({"payment_intent": intent})} == {
        part.id,
        rest.id,
    }
    assert desk.api.v1.refunds.retrieve(part.id).status == "succeeded"
    assert desk.api.v1.charges.retrieve(charge.id).refunded is True


def test_a_refund_may_be_pending_and_may_fail(desk: Desk) -> None:
    def ended(refund: str, status: str) -> sdk.Refund | None:
        read = desk.api.v1.refunds.retrieve(refund)
        return read if read.status == status else None

    late = desk.api.v1.refunds.create({"charge": desk.charge("refund_pending").id})
    bad = desk.api.v1.refunds.create({"charge": desk.charge("refund_fails").id})

    assert late.status == "pending"
    assert desk.later(lambda: ended(late.id, "succeeded")).amount == 1_250
    failed = desk.later(lambda: ended(bad.id, "failed"))
    assert failed.failure_reason
    assert failed.failure_balance_transaction


def test_events_tell_of_it(desk: Desk) -> None:
    charge = desk.charge()
    desk.api.v1.refunds.create({"charge": charge.id})

    def told() -> sdk.Event | None:
        found = desk.api.v1.events.list({"type": "charge.refunded", "limit": 20}).data
        return next((e for e in found if e.data.object["id"] == charge.id), None)

    event = desk.later(told, seconds=0)
    assert event.api_version == desk.api.v1.events.retrieve(event.id).api_version


def test_an_endpoint_is_told_its_secret_once(desk: Desk) -> None:
    made = desk.api.v1.webhook_endpoints.create(
        {"url": "https://shop.example/webhooks/", "enabled_events": ["charge.refunded"]}
    )
    try:
        read = desk.api.v1.webhook_endpoints.retrieve(made.id)
        listed = [e.id for e in desk.api.v1.webhook_endpoints.list({"limit": 20}).data]
    finally:
        gone = desk.api.v1.webhook_endpoints.delete(made.id)

    assert (made.secret or "").startswith("whsec_")
    assert getattr(read, "secret", None) is None
    assert made.id in listed
    assert gone.deleted is True
