"""Subscriptions: begun on the page, changed and ended by the shop."""

from __future__ import annotations

from typing import Any

import pytest
import stripe as sdk

from tests.contract.desk import Desk

MONTHLY: Any = {
    "currency": "eur",
    "unit_amount": 900,
    "product_data": {"name": "달빛"},
    "recurring": {"interval": "month"},
}


def begun(desk: Desk) -> sdk.Subscription:
    """A subscription whose first month is paid."""
    emulator = desk.needs_a_person("paying the first month")
    session = desk.session(mode="subscription", line_items=[{"quantity": 1, "price_data": MONTHLY}])
    assert session.url
    emulator.pay(session.url)
    found = desk.api.v1.checkout.sessions.retrieve(session.id).subscription
    return desk.api.v1.subscriptions.retrieve(str(found))


def test_customers_products_and_prices_are_made_and_read(desk: Desk) -> None:
    v1 = desk.api.v1
    customer = v1.customers.create({"email": "ada@example.org", "name": "Ada"})
    product = v1.products.create({"name": "달빛"})
    price = v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 900,
            "product": product.id,
            "recurring": {"interval": "year"},
        }
    )

    assert v1.customers.retrieve(customer.id).email == "ada@example.org"
    assert v1.products.retrieve(product.id).name == "달빛"
    read = v1.prices.retrieve(price.id)
    assert (read.unit_amount, read.type) == (900, "recurring")
    assert customer.id in [c.id for c in v1.customers.list({"limit": 20}).data]
    assert product.id in [p.id for p in v1.products.list({"limit": 20}).data]
    assert price.id in [p.id for p in v1.prices.list({"product": product.id}).data]


def test_a_subscription_page_is_opened(desk: Desk) -> None:
    session = desk.session(mode="subscription", line_items=[{"quantity": 1, "price_data": MONTHLY}])

    assert (session.mode, session.status, session.subscription) == ("subscription", "open", None)
    with pytest.raises(sdk.InvalidRequestError):
        desk.session(mode="subscription")  # a price that does not recur


def test_a_month_is_paid_by_an_invoice(desk: Desk) -> None:
    v1, subscription = desk.api.v1, begun(desk)

    [invoice] = v1.invoices.list({"subscription": subscription.id}).data
    [payment] = v1.invoice_payments.list({"invoice": invoice.id}).data

    assert (subscription.status, invoice.status) == ("active", "paid")
    assert v1.invoices.retrieve(invoice.id).amount_paid == 900
    assert v1.invoice_payments.retrieve(payment.id).amount_paid == 900
    with pytest.raises(sdk.InvalidRequestError):
        v1.invoices.void_invoice(invoice.id)
    assert subscription.id in [s.id for s in v1.subscriptions.list({"limit": 20}).data]


def test_it_ends_with_the_month_or_at_once(desk: Desk) -> None:
    v1, subscription = desk.api.v1, begun(desk)

    ending = v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    going_on = v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    ended = v1.subscriptions.cancel(subscription.id)

    assert (ending.cancel_at_period_end, going_on.cancel_at_period_end) == (True, False)
    assert ended.status == "canceled"
    with pytest.raises(sdk.InvalidRequestError):
        v1.subscriptions.cancel(subscription.id)


def test_what_cannot_be_taken_is_open_until_it_is_given_up(desk: Desk) -> None:
    emulator = desk.needs_a_person("waiting for the next month")
    found = begun(desk).id
    emulator.hook(f"subscriptions/{found}/card", number="4000000000000341")
    emulator.hook(f"subscriptions/{found}/next")
    emulator.hook(f"subscriptions/{found}/next")

    newest = desk.api.v1.invoices.list({"subscription": found}).data[0]
    assert newest.status == "open"
    assert desk.api.v1.invoices.void_invoice(newest.id).status == "void"
