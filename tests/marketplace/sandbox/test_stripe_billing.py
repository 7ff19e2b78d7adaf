"""The emulator's Billing: subscriptions and their invoices, spoken to by the real SDK."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import stripe as sdk

from marketplace.sandbox.stripe_emulator.shapes import mismatches
from marketplace.sandbox.stripe_emulator.subscriptions import next_start
from tests.marketplace.stripe_fixtures import CHALLENGED, DECLINED, Emulator

FAILS_LATER = "4000000000000341"
ASKS_EACH_TIME = "4000002760003184"
PRICE = {
    "currency": "krw",
    "unit_amount": 11_000,
    "product_data": {"name": "달빛 구독"},
    "recurring": {"interval": "month"},
    "tax_behavior": "inclusive",
}


def open_page(stripe: Emulator, **more: Any) -> sdk.checkout.Session:
    params: Any = {
        "mode": "subscription",
        "success_url": "http://shop.test/ok",
        "customer_email": "ada@example.org",
        "line_items": [{"quantity": 1, "price_data": PRICE}],
        "subscription_data": {"metadata": {"subscription": "ours"}},
        **more,
    }
    return stripe.sdk.v1.checkout.sessions.create(params)


def subscribed(stripe: Emulator, **more: Any) -> str:
    """A subscription whose first period is paid: its id."""
    session = open_page(stripe, **more)
    assert session.url
    assert stripe.pay(session.url, country="KR").status_code == 303
    found = stripe.sdk.v1.checkout.sessions.retrieve(session.id).subscription
    assert isinstance(found, str)
    return found


def read(stripe: Emulator, subscription: str) -> dict[str, Any]:
    return stripe.sdk.v1.subscriptions.retrieve(subscription).to_dict()


def invoices_of(stripe: Emulator, subscription: str) -> list[dict[str, Any]]:
    """With what paid them, the oldest first."""
    found = stripe.sdk.v1.invoices.list({"subscription": subscription, "expand": ["data.payments"]})
    return [invoice.to_dict() for invoice in reversed(found.data)]


def period(found: dict[str, Any]) -> tuple[int, int]:
    item = found["items"]["data"][0]
    return item["current_period_start"], item["current_period_end"]


def next_of(stripe: Emulator, subscription: str, *, steps: int = 1) -> str:
    did = ""
    for _ in range(steps):
        did = stripe.hook(f"subscriptions/{subscription}/next")["did"]
    return did


def test_paying_the_page_begins_a_subscription(stripe: Emulator) -> None:
    session = open_page(stripe)
    assert session.url
    assert (session.payment_intent, session.subscription) == (None, None)

    stripe.pay(session.url)

    session = stripe.sdk.v1.checkout.sessions.retrieve(session.id)
    assert (session.status, session.payment_status, session.payment_intent) == (
        "complete", "paid", None,
    )  # fmt: skip
    found = read(stripe, str(session.subscription))
    assert (found["status"], found["metadata"]) == ("active", {"subscription": "ours"})
    start, end = period(found)
    assert end == next_start(start, 1, "month")
    [invoice] = invoices_of(stripe, found["id"])
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", 11_000)
    assert invoice["lines"]["data"][0]["period"] == {"start": start, "end": end}


def test_every_answer_is_what_the_sdk_announces(stripe: Emulator) -> None:
    client = stripe.sdk
    tax: Any = {"automatic_tax": {"enabled": True}, "tax_id_collection": {"enabled": True}}
    session = client.v1.checkout.sessions.retrieve(open_page(stripe, **tax).id)
    assert session.url
    assert mismatches(type(session), session.to_dict()) == []
    stripe.pay(session.url, country="KR", tax_id="123-45-67890")
    session = client.v1.checkout.sessions.retrieve(session.id)
    subscription = client.v1.subscriptions.retrieve(str(session.subscription))
    invoice = client.v1.invoices.list({"expand": ["data.payments"]}).data[0]
    customer = client.v1.customers.retrieve(str(session.customer))
    product = client.v1.products.create({"name": "Mug"})
    price = client.v1.prices.create(
        {"currency": "usd", "unit_amount": 500, "product": product.id,
         "recurring": {"interval": "year"}}
    )  # fmt: skip
    paid = client.v1.invoice_payments.list({"invoice": invoice.id}).data[0]
    changed = client.v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    ended = client.v1.subscriptions.cancel(subscription.id)

    for answer in (
        session, subscription, invoice, customer, product, price, paid, changed, ended,
        invoice.lines.data[0], subscription.items.data[0],
    ):  # fmt: skip
        assert mismatches(type(answer), answer.to_dict()) == []


def test_a_renewal_is_charged_an_hour_after_the_period(stripe: Emulator) -> None:
    subscription = subscribed(stripe)
    _, first_end = period(read(stripe, subscription))

    assert next_of(stripe, subscription) == "renew_subscription"
    assert [i["status"] for i in invoices_of(stripe, subscription)] == ["paid", "draft"]
    assert next_of(stripe, subscription) == "charge_invoice"

    start, end = period(read(stripe, subscription))
    assert (start, end > start) == (first_end, True)
    first, second = invoices_of(stripe, subscription)
    assert (second["status"], second["billing_reason"]) == ("paid", "subscription_cycle")
    assert second["number"] == first["number"][:-1] + "2"
    [payment] = second["payments"]["data"]
    intent = stripe.sdk.v1.payment_intents.retrieve(payment["payment"]["payment_intent"])
    assert (intent.status, intent.amount_received) == ("succeeded", 11_000)


def test_time_alone_renews(stripe: Emulator) -> None:
    subscription = subscribed(stripe)

    stripe.hook("clock", advance=32 * 86_400)

    assert [i["status"] for i in invoices_of(stripe, subscription)] == ["paid", "paid"]


@pytest.mark.parametrize("card", [FAILS_LATER, ASKS_EACH_TIME])
def test_a_renewal_that_fails_is_tried_again_and_then_given_up(stripe: Emulator, card: str) -> None:
    subscription = subscribed(stripe)
    stripe.hook(f"subscriptions/{subscription}/card", number=card)

    next_of(stripe, subscription, steps=2)
    assert read(stripe, subscription)["status"] == "past_due"
    invoice = invoices_of(stripe, subscription)[1]
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    assert invoice["next_payment_attempt"] is not None
    next_of(stripe, subscription, steps=3)

    ended = read(stripe, subscription)
    assert (ended["status"], ended["cancellation_details"]["reason"]) == (
        "canceled", "payment_failed",
    )  # fmt: skip
    assert invoices_of(stripe, subscription)[1]["attempt_count"] == 4
    assert len(stripe.events("invoice.payment_failed", id=invoice["id"])) == 4


def test_the_page_of_an_invoice_takes_another_card_and_keeps_it(stripe: Emulator) -> None:
    subscription = subscribed(stripe)
    stripe.sdk.v1.subscriptions.update(
        subscription, {"payment_settings": {"save_default_payment_method": "on_subscription"}}
    )
    stripe.hook(f"subscriptions/{subscription}/card", number=FAILS_LATER)
    next_of(stripe, subscription, steps=2)
    url = invoices_of(stripe, subscription)[1]["hosted_invoice_url"]

    assert stripe.pay(url, DECLINED).status_code == 402
    assert stripe.pay(url, "4242").status_code == 422
    assert stripe.pay(url).status_code == 200

    assert read(stripe, subscription)["status"] == "active"
    assert invoices_of(stripe, subscription)[1]["status"] == "paid"
    assert "paid already" in stripe.http.get(url).text
    next_of(stripe, subscription, steps=2)
    assert [i["status"] for i in invoices_of(stripe, subscription)] == ["paid"] * 3


def test_the_bank_may_ask_on_the_page_of_an_invoice(stripe: Emulator) -> None:
    subscription = subscribed(stripe)
    stripe.hook(f"subscriptions/{subscription}/card", number=ASKS_EACH_TIME)
    next_of(stripe, subscription, steps=2)
    url = invoices_of(stripe, subscription)[1]["hosted_invoice_url"]

    question = stripe.pay(url, CHALLENGED).text
    token = question.split('name="token" value="')[1].split('"')[0]
    assert stripe.http.post(url, data={"verdict": "approve", "token": "x"}).status_code == 404
    question = stripe.pay(url, CHALLENGED).text
    token = question.split('name="token" value="')[1].split('"')[0]
    stripe.http.post(url, data={"verdict": "approve", "token": token})

    assert read(stripe, subscription)["status"] == "active"


def test_cancelling_at_the_end_of_the_period_can_be_undone(stripe: Emulator) -> None:
    subscription = subscribed(stripe)
    update = stripe.sdk.v1.subscriptions.update

    update(subscription, {"cancel_at_period_end": True})
    found = read(stripe, subscription)
    assert (found["status"], found["cancel_at"]) == ("active", period(found)[1])
    update(subscription, {"cancel_at_period_end": False})
    next_of(stripe, subscription, steps=2)
    assert read(stripe, subscription)["status"] == "active"
    update(subscription, {"cancel_at_period_end": True})
    next_of(stripe, subscription)

    assert read(stripe, subscription)["status"] == "canceled"
    assert len(invoices_of(stripe, subscription)) == 2
    assert next_of(stripe, subscription) == ""
    with pytest.raises(sdk.InvalidRequestError):
        update(subscription, {"cancel_at_period_end": False})
    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.subscriptions.cancel(subscription)


def test_the_first_payment_may_be_refused_and_tried_again(stripe: Emulator) -> None:
    session = open_page(stripe)
    assert session.url

    assert stripe.pay(session.url, DECLINED).status_code == 402
    assert stripe.sdk.v1.checkout.sessions.retrieve(session.id).subscription is None
    assert stripe.pay(session.url, CHALLENGED).status_code == 303
    assert stripe.sdk.v1.checkout.sessions.retrieve(session.id).subscription is None


def test_tax_is_included_by_the_buyers_country(stripe: Emulator) -> None:
    tax: Any = {"automatic_tax": {"enabled": True}, "tax_id_collection": {"enabled": True}}
    session = open_page(stripe, **tax)
    assert session.url
    assert stripe.pay(session.url).status_code == 422
    assert stripe.pay(session.url, country="KR", tax_id="what").status_code == 422

    stripe.pay(session.url, country="KR", tax_id="123-45-67890")

    session = stripe.sdk.v1.checkout.sessions.retrieve(session.id)
    assert session.total_details
    assert (session.amount_total, session.total_details.amount_tax) == (11_000, 1_000)
    assert session.customer_details
    assert session.customer_details.tax_ids
    assert session.customer_details.tax_ids[0].value == "123-45-67890"
    [invoice] = invoices_of(stripe, str(session.subscription))
    assert [t["amount"] for t in invoice["total_taxes"]] == [1_000]
    assert invoice["customer_tax_ids"] == [{"type": "kr_brn", "value": "123-45-67890"}]


@pytest.mark.parametrize(
    "more",
    [
        {"payment_intent_data": {"description": "no"}},
        {"subscription_data": {"trial_period_days": 3}},
        {"line_items": [{"quantity": 1, "price_data": {**PRICE, "tax_behavior": "exclusive"}}]},
        {"line_items": [{"quantity": 1, "price_data": {**PRICE, "recurring": None}}]},
        {
            "line_items": [
                {"quantity": 1, "price_data": {**PRICE, "recurring": {"interval": "day"}}}
            ]
        },
        {"mode": "payment", "subscription_data": {}},
    ],
)
def test_what_it_does_not_know_is_refused(stripe: Emulator, more: dict[str, Any]) -> None:
    for line in more.get("line_items", []):
        if line["price_data"].get("recurring", 1) is None:
            line["price_data"] = {k: v for k, v in line["price_data"].items() if k != "recurring"}

    with pytest.raises(sdk.InvalidRequestError):
        open_page(stripe, **more)


def test_a_month_keeps_its_day_where_it_can() -> None:
    anchor = int(dt.datetime(2027, 1, 31, 9, tzinfo=dt.UTC).timestamp())

    days = [dt.datetime.fromtimestamp(next_start(anchor, n, "month"), tz=dt.UTC) for n in range(4)]
    leap = int(dt.datetime(2028, 2, 29, tzinfo=dt.UTC).timestamp())

    assert [(day.month, day.day) for day in days] == [(1, 31), (2, 28), (3, 31), (4, 30)]
    assert dt.datetime.fromtimestamp(next_start(leap, 1, "year"), tz=dt.UTC).day == 28
