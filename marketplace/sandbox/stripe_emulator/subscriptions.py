"""Subscriptions: begun on the hosted page, renewed by the clock, cancelled by the API.

A renewal draws up an invoice at the end of the period, charges it an hour later, and again
after three, five and seven days where that failed; then the subscription is cancelled.
Prorations, trials and pauses are not part of it and are refused.
"""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Any

import stripe
from stripe.params import (
    SubscriptionCancelParams,
    SubscriptionListParams,
    SubscriptionRetrieveParams,
    SubscriptionUpdateParams,
)

from marketplace.sandbox.stripe_emulator import invoices, sessions
from marketplace.sandbox.stripe_emulator.billing_catalog import create_customer, create_price
from marketplace.sandbox.stripe_emulator.errors import ApiError, missing_resource
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.payments import Card, Declined, charge_card, new_intent
from marketplace.sandbox.stripe_emulator.routing import Route, page_of, readable, route
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["JOBS", "ROUTES", "begin", "hurry", "keep_card", "next_start", "recovered"]

DRAFT_FOR = 3_600  # seconds until an invoice of a renewal is finalized
RETRY_AFTER = (3 * 86_400, 5 * 86_400, 7 * 86_400)  # seconds, after each failure
_UPDATABLE = frozenset({"cancel_at_period_end", "metadata", "payment_settings"})
_ENDED = ("canceled", "incomplete_expired")


def begin(
    world: World,
    session: dict[str, Any],
    card: Card,
    *,
    email: str,
    name: str | None,
    authenticated: bool = True,
) -> None:
    """The buyer pays the first period of an open session. Raises Declined, and keeps the attempt."""
    intent = _first_intent(world, session)
    charge_card(world, intent, card, email=email, name=name, authenticated=authenticated)
    customer = create_customer(world, {"email": email, "name": name})
    intent["customer"] = customer["id"]
    world.store.put(intent)
    [item] = session["_items"]
    price = _kept_price(world, item)
    subscription = _create(world, session, price, customer, item["description"])
    subscription.update(
        _email=email, _name=name, _card=[card.number, card.exp_month, card.exp_year]
    )
    start = subscription["start_date"]
    end = next_start(start, 1, price["recurring"]["interval"])
    _set_period(subscription, start, end)
    world.store.put(subscription)
    invoice = invoices.draw_up(
        world, subscription, reason="subscription_create", start=start, end=end
    )
    invoices.finalize(world, invoice)
    invoices.attach(world, invoice, intent)
    invoices.mark_paid(world, invoice, intent)
    subscription["latest_invoice"] = invoice["id"]
    world.store.put(subscription)
    world.store.add_job(due=end, kind="renew_subscription", object_id=subscription["id"])
    emit(world, "customer.subscription.created", subscription)
    session.update(customer=customer["id"], invoice=invoice["id"], subscription=subscription["id"])
    sessions.complete(world, session, paid=True, email=email, name=name)


def _first_intent(world: World, session: dict[str, Any]) -> dict[str, Any]:
    if intent_id := session.get("_first_intent"):
        return world.get(intent_id, "payment_intent")
    intent = new_intent(
        world,
        amount=session["amount_total"],
        currency=session["currency"],
        methods=["card"],
        given={"description": "Subscription creation"},
    )
    session["_first_intent"] = intent["id"]
    world.store.put(session)
    return intent


def _kept_price(world: World, item: dict[str, Any]) -> dict[str, Any]:
    """The item's inline price, now with an object of its own, as renewals need it."""
    inline = item["price"]
    return create_price(
        world,
        {
            "currency": inline["currency"],
            "unit_amount": inline["unit_amount"],
            "recurring": {"interval": inline["recurring"]["interval"]},
            "tax_behavior": inline["tax_behavior"],
            "product_data": {"name": item["description"]},
        },
        active=False,
    )


def _create(
    world: World,
    session: dict[str, Any],
    price: dict[str, Any],
    customer: dict[str, Any],
    title: str,
) -> dict[str, Any]:
    subscription_id = world.new_id("sub_")
    given = session["_subscription"]
    now = world.seconds()
    automatic = session["automatic_tax"]["enabled"]
    item = fill(
        stripe.SubscriptionItem,
        id=world.new_id("si_"),
        object="subscription_item",
        created=now,
        current_period_end=now,
        current_period_start=now,
        discounts=[],
        metadata={},
        price=price,
        quantity=1,
        subscription=subscription_id,
        tax_rates=[],
    )
    return fill(
        stripe.Subscription,
        id=subscription_id,
        object="subscription",
        automatic_tax={
            "disabled_reason": None,
            "enabled": automatic,
            "liability": {"type": "self"} if automatic else None,
        },
        billing_cycle_anchor=now,
        billing_mode={"flexible": None, "type": "flexible", "updated_at": None},
        billing_schedules=[],
        cancel_at_period_end=False,
        cancellation_details=fill(stripe.Subscription.CancellationDetails),
        collection_method="charge_automatically",
        created=now,
        currency=price["currency"],
        customer=customer["id"],
        default_payment_method=world.new_id("pm_"),
        default_tax_rates=[],
        description=given.get("description"),
        discounts=[],
        invoice_settings={"account_tax_ids": None, "issuer": {"type": "self"}},
        items={
            "object": "list",
            "data": [item],
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        livemode=False,
        metadata=given.get("metadata", {}),
        payment_settings=fill(
            stripe.Subscription.PaymentSettings, save_default_payment_method="off"
        ),
        start_date=now,
        status="active",
        trial_settings=None,
        _price=price["id"],
        _title=title,
        _billing=session.get("_billing") or {},
        _periods=1,
        _failures=0,
    )


def next_start(anchor: int, periods: int, interval: str) -> int:
    """The start of the period after `periods` of them, in seconds since 1970.

    The day stays that of the anchor, or the last of a shorter month.
    """
    begun = dt.datetime.fromtimestamp(anchor, tz=dt.UTC)
    months = begun.month - 1 + periods * (12 if interval == "year" else 1)
    year, month = begun.year + months // 12, months % 12 + 1
    day = min(begun.day, calendar.monthrange(year, month)[1])
    return int(begun.replace(year=year, month=month, day=day).timestamp())


def _set_period(subscription: dict[str, Any], start: int, end: int) -> None:
    subscription["items"]["data"][0].update(current_period_start=start, current_period_end=end)


def renew(world: World, subscription_id: str) -> None:
    """A period is over: end what was cancelled, or draw up the invoice of the next one."""
    subscription = world.get(subscription_id, "subscription")
    if subscription["status"] in _ENDED:
        return
    if subscription["cancel_at_period_end"]:
        _end(world, subscription, reason="cancellation_requested")
        return
    interval = subscription["items"]["data"][0]["price"]["recurring"]["interval"]
    periods, anchor = subscription["_periods"], subscription["billing_cycle_anchor"]
    start, end = (next_start(anchor, n, interval) for n in (periods, periods + 1))
    subscription["_periods"] = periods + 1
    _set_period(subscription, start, end)
    invoice = invoices.draw_up(
        world, subscription, reason="subscription_cycle", start=start, end=end
    )
    subscription["latest_invoice"] = invoice["id"]
    world.store.put(subscription)
    emit(world, "customer.subscription.updated", subscription)
    world.store.add_job(due=start + DRAFT_FOR, kind="charge_invoice", object_id=invoice["id"])
    world.store.add_job(due=end, kind="renew_subscription", object_id=subscription_id)


def collect(world: World, invoice_id: str) -> None:
    """Charge an invoice by the card that is kept, for the first time or once more."""
    invoice = world.get(invoice_id, "invoice")
    if invoice["status"] == "draft":
        invoices.finalize(world, invoice)
    subscription = world.get(invoices.subscription_of(invoice), "subscription")
    if invoice["status"] != "open" or subscription["status"] in _ENDED:
        return
    try:
        invoices.pay_by_card(world, invoice, Card(*subscription["_card"]), present=False)
    except Declined:
        _failed(world, subscription, invoice)
    else:
        recovered(world, subscription)


def _failed(world: World, subscription: dict[str, Any], invoice: dict[str, Any]) -> None:
    failures = subscription["_failures"]
    again = RETRY_AFTER[failures] if failures < len(RETRY_AFTER) else None
    due = None if again is None else int(world.now()) + again
    invoice.update(next_payment_attempt=due, auto_advance=due is not None)
    world.store.put(invoice)
    emit(world, "invoice.payment_failed", invoice)
    subscription["_failures"] = failures + 1
    if due is None:
        _end(world, subscription, reason="payment_failed")
        return
    world.store.add_job(due=due, kind="charge_invoice", object_id=invoice["id"])
    before = subscription["status"]
    subscription["status"] = "past_due"
    world.store.put(subscription)
    if before != "past_due":
        emit(world, "customer.subscription.updated", subscription, previous={"status": before})


def recovered(world: World, subscription: dict[str, Any], card: Card | None = None) -> None:
    """An invoice was paid; `card`, where given, is kept for the next ones."""
    before = subscription["status"]
    if card is not None and subscription["payment_settings"]["save_default_payment_method"] == (
        "on_subscription"
    ):
        subscription["_card"] = [card.number, card.exp_month, card.exp_year]
        subscription["default_payment_method"] = world.new_id("pm_")
    subscription["_failures"] = 0
    if before == "past_due":
        subscription["status"] = "active"
    world.store.put(subscription)
    if before != subscription["status"]:
        emit(world, "customer.subscription.updated", subscription, previous={"status": before})


def _end(world: World, subscription: dict[str, Any], *, reason: str) -> None:
    now = world.seconds()
    subscription.update(status="canceled", ended_at=now)
    subscription["canceled_at"] = subscription["canceled_at"] or now
    subscription["cancellation_details"]["reason"] = reason
    world.store.put(subscription)
    emit(world, "customer.subscription.deleted", subscription)


def _update(world: World, subscription_id: str, params: dict[str, Any]) -> dict[str, Any]:
    subscription = world.get(subscription_id, "subscription")
    for name in params.keys() - _UPDATABLE:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    if subscription["status"] in _ENDED:
        raise ApiError(
            "A canceled subscription can only update its cancellation_details and metadata."
        )
    before = {name: subscription[name] for name in params}
    for name, value in params.items():
        merged = {**subscription[name], **value} if isinstance(value, dict) else value
        subscription[name] = merged
    if "cancel_at_period_end" in params:
        ends = params["cancel_at_period_end"]
        period_end = subscription["items"]["data"][0]["current_period_end"]
        subscription.update(
            cancel_at=period_end if ends else None, canceled_at=world.seconds() if ends else None
        )
        reason = "cancellation_requested" if ends else None
        subscription["cancellation_details"]["reason"] = reason
    world.store.put(subscription)
    emit(world, "customer.subscription.updated", subscription, previous=before)
    return subscription


def _cancel(world: World, subscription_id: str, params: dict[str, Any]) -> dict[str, Any]:
    subscription = world.get(subscription_id, "subscription")
    if params.get("invoice_now") or params.get("prorate"):
        raise ApiError("The emulator has no prorations.", param="prorate")
    if subscription["status"] in _ENDED:
        raise missing_resource("subscription", subscription_id)
    _end(world, subscription, reason="cancellation_requested")
    return subscription


def _list(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
    for name in params.keys() - {"customer", "ending_before", "limit", "starting_after", "status"}:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    status = params.get("status")
    found = [
        subscription
        for subscription in world.store.all("subscription")
        if params.get("customer", subscription["customer"]) == subscription["customer"]
        and _has_status(subscription, status)
    ]
    page, more = page_of(found, params)
    return {"object": "list", "data": page, "has_more": more}


def _has_status(subscription: dict[str, Any], wanted: str | None) -> bool:
    if wanted is None:  # Stripe's own default
        return subscription["status"] not in _ENDED
    ended = subscription["status"] in _ENDED
    return wanted == "all" or subscription["status"] == wanted or (wanted == "ended" and ended)


def hurry(world: World, subscription_id: str) -> str:
    """Do what would happen next to a subscription, ahead of its time; "" where nothing would.

    Its periods stay as they are dated, so they run ahead of the clock.
    """
    subscription = world.get(subscription_id, "subscription")
    ids = {
        invoice["id"]
        for invoice in world.store.all("invoice")
        if invoices.subscription_of(invoice) == subscription_id
        and invoice["status"] in ("draft", "open")
    }
    job = world.store.take_job_of({subscription["id"], *ids})
    if job is None:
        return ""
    kind, object_id = job
    JOBS[kind](world, object_id)
    return kind


def keep_card(world: World, subscription_id: str, number: str) -> None:
    """From now on the renewals are charged to another card."""
    subscription = world.get(subscription_id, "subscription")
    subscription["_card"] = [number, 12, 2034]
    world.store.put(subscription)


JOBS = {"renew_subscription": renew, "charge_invoice": collect}

ROUTES: list[Route] = [
    route("GET", "/subscriptions", SubscriptionListParams, _list),
    *readable("/subscriptions", "subscription", SubscriptionRetrieveParams, SubscriptionListParams)[
        1:
    ],
    route("POST", "/subscriptions/{id}", SubscriptionUpdateParams, _update),
    route("DELETE", "/subscriptions/{id}", SubscriptionCancelParams, _cancel),
]
