"""Checkout Sessions: created by the API, finished on the hosted page, expired by time or call."""

from __future__ import annotations

import re
from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator.currencies import MAXIMUM, check_amount, check_currency
from marketplace.sandbox.stripe_emulator.destinations import check_destination
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.events import emit
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.store import public
from marketplace.sandbox.stripe_emulator.tax import COUNTRIES, check_behavior, included
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["complete", "create", "expire", "expire_if_due", "line_items", "success_url"]

SHORTEST, LONGEST = 30 * 60, 24 * 60 * 60  # seconds until a session may expire
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# What the emulator can act on; the rest of the SDK's parameters is refused aloud.
_SUPPORTED = {
    "automatic_tax", "billing_address_collection", "cancel_url", "client_reference_id", "customer_email", "expires_at", "line_items", "locale",
    "metadata", "mode", "payment_intent_data", "payment_method_types", "submit_type",
    "subscription_data", "success_url", "tax_id_collection", "ui_mode",
}  # fmt: skip


def create(world: World, params: dict[str, Any]) -> dict[str, Any]:
    """Open a session with prices given inline. Raises ApiError."""
    _check(world, params)
    subscribes = params["mode"] == "subscription"
    currency, items = _line_items(world, params["line_items"], recurring=subscribes)
    total = sum(item["amount_total"] for item in items)
    check_amount(total, currency)
    check_destination(world, params.get("payment_intent_data", {}), total)
    session_id = world.new_id("cs_test_")
    now = world.seconds()
    session = fill(
        stripe.checkout.Session,
        id=session_id,
        object="checkout.session",
        amount_subtotal=total,
        amount_total=total,
        automatic_tax=_automatic_tax(params),
        billing_address_collection=params.get("billing_address_collection"),
        cancel_url=params.get("cancel_url"),
        client_reference_id=params.get("client_reference_id"),
        created=now,
        currency=currency,
        custom_fields=[],
        custom_text=dict.fromkeys(
            ("after_submit", "shipping_address", "submit", "terms_of_service_acceptance")
        ),
        customer_creation="always" if subscribes else "if_required",
        customer_email=params.get("customer_email"),
        expires_at=params.get("expires_at", now + LONGEST),
        livemode=False,
        locale=params.get("locale"),
        metadata=params.get("metadata", {}),
        mode=params["mode"],
        payment_method_collection="always" if subscribes else "if_required",
        payment_method_types=params.get("payment_method_types", _methods(params)),
        payment_status="unpaid",
        phone_number_collection={"enabled": False},
        shipping_options=[],
        status="open",
        submit_type=params.get("submit_type"),
        success_url=params["success_url"],
        tax_id_collection={
            "enabled": params.get("tax_id_collection", {}).get("enabled", False),
            "required": "never",
        },
        total_details={"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        ui_mode="hosted_page",
        url=f"{world.base_url}/c/pay/{session_id}",
        _items=items,
        _intent=params.get("payment_intent_data", {}),
        _subscription=params.get("subscription_data", {}),
    )
    world.store.add_job(due=session["expires_at"], kind="expire_session", object_id=session_id)
    return world.store.put(session)


def _methods(params: dict[str, Any]) -> list[str]:
    # What is charged anew each month has to be a card.
    return ["card"] if params["mode"] == "subscription" else ["card", "customer_balance"]


def _automatic_tax(params: dict[str, Any]) -> dict[str, Any]:
    enabled = params.get("automatic_tax", {}).get("enabled", False)
    if not enabled:
        return {"enabled": False, "liability": None, "provider": None, "status": None}
    return {
        "enabled": True,
        "liability": {"type": "self"},
        "provider": "stripe",
        "status": "requires_location_inputs",
    }


def _check(world: World, params: dict[str, Any]) -> None:
    for name in params.keys() - _SUPPORTED:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)
    _check_mode(params)
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise ApiError("The emulator has ui_mode=hosted_page alone.", param="ui_mode")
    for name in ("success_url", "cancel_url"):
        if name in params and not re.match(r"https?://[^/\s]+", params[name]):
            raise ApiError("Not a valid URL", code="url_invalid", param=name)
    email = params.get("customer_email")
    if email is not None and not _EMAIL.fullmatch(email):
        raise ApiError(
            f"Invalid email address: {email}", code="email_invalid", param="customer_email"
        )
    if len(params.get("client_reference_id", "")) > 200:
        raise ApiError("Invalid string: at most 200 characters.", param="client_reference_id")
    if "expires_at" in params:
        _check_expiry(params["expires_at"] - world.seconds())


def _check_mode(params: dict[str, Any]) -> None:
    if params["mode"] not in ("payment", "subscription"):
        raise ApiError("The emulator has mode=payment and mode=subscription.", param="mode")
    wrong = "subscription_data" if params["mode"] == "payment" else "payment_intent_data"
    if wrong in params:
        raise ApiError(f"You can not pass `{wrong}` in `{params['mode']}` mode.", param=wrong)
    for name in params.get("subscription_data", {}).keys() - {"description", "metadata"}:
        raise ApiError(f"The emulator does not know what {name} does.", param=name)


def _check_expiry(seconds: int) -> None:
    # A request may take a moment to arrive.
    if seconds < SHORTEST - 10:
        raise ApiError(
            "The `expires_at` timestamp must be at least 30 minutes from Checkout Session"
            " creation.",
            param="expires_at",
        )
    if seconds > LONGEST:
        raise ApiError(
            "The `expires_at` timestamp must be less than 24 hours from Checkout Session creation.",
            param="expires_at",
        )


def _line_items(
    world: World, given: list[dict[str, Any]], *, recurring: bool
) -> tuple[str, list[dict[str, Any]]]:
    if not given:
        raise ApiError("`line_items` must not be empty.", param="line_items")
    items = [_line_item(world, line, f"line_items[{i}]") for i, line in enumerate(given)]
    if any((item["price"]["type"] == "recurring") != recurring for item in items):
        raise ApiError(
            "You specified `payment` mode but passed a recurring price, or `subscription` mode"
            " without one. The emulator does not mix them.",
            param="line_items",
        )
    currency: str = items[0]["currency"]
    if any(item["currency"] != currency for item in items):
        raise ApiError(
            "All prices on a Checkout session must use the same currency.", param="line_items"
        )
    return currency, items


def _line_item(world: World, line: dict[str, Any], path: str) -> dict[str, Any]:
    if "price_data" not in line:
        raise ApiError("The emulator has prices by price_data alone.", param=f"{path}[price_data]")
    price = line["price_data"]
    currency = check_currency(price["currency"], param=f"{path}[price_data][currency]")
    for name in ("unit_amount", "product_data"):
        if name not in price:
            raise ApiError(
                f"Missing required param: {path}[price_data][{name}].",
                code="parameter_missing",
                param=f"{path}[price_data][{name}]",
            )
    amount, quantity = price["unit_amount"], line.get("quantity", 1)
    if not 0 <= amount <= MAXIMUM:
        raise ApiError("Invalid non-negative integer", param=f"{path}[price_data][unit_amount]")
    if not 1 <= quantity <= 999_999:
        raise ApiError("Quantity must be greater than or equal to 1.", param=f"{path}[quantity]")
    name = price["product_data"]["name"]
    if not name.strip():
        raise ApiError(
            "You passed an empty string for the product's name.",
            code="parameter_invalid_empty",
            param=f"{path}[price_data][product_data][name]",
        )
    return fill(
        stripe.LineItem,
        id=world.new_id("li_"),
        object="item",
        amount_discount=0,
        amount_subtotal=amount * quantity,
        amount_tax=0,
        amount_total=amount * quantity,
        currency=currency,
        description=name,
        price=_price(world, currency, price, path=path),
        quantity=quantity,
        _product=price["product_data"],
    )


def _price(world: World, currency: str, given: dict[str, Any], *, path: str) -> dict[str, Any]:
    behavior = check_behavior(given, param=f"{path}[price_data][tax_behavior]")
    recurring = given.get("recurring")
    if recurring is not None and recurring.get("interval") not in ("month", "year"):
        raise ApiError(
            "The emulator has recurring prices of one month or one year alone.",
            param=f"{path}[price_data][recurring]",
        )
    amount = given["unit_amount"]
    return fill(
        stripe.Price,
        id=world.new_id("price_"),
        object="price",
        active=False,  # inline prices are for one use
        billing_scheme="per_unit",
        created=world.seconds(),
        currency=currency,
        livemode=False,
        metadata={},
        product=world.new_id("prod_"),
        recurring=recurring
        and fill(
            stripe.Price.Recurring,
            interval=recurring["interval"],
            interval_count=1,
            usage_type="licensed",
        ),
        tax_behavior=behavior,
        type="recurring" if recurring else "one_time",
        unit_amount=amount,
        unit_amount_decimal=str(amount),
    )


def line_items(world: World, session: dict[str, Any]) -> dict[str, Any]:
    """The session's items as a list object."""
    items = [public(item) for item in session["_items"]]
    url = f"/v1/checkout/sessions/{session['id']}/line_items"
    return {"object": "list", "data": items, "has_more": False, "url": url}


def expire(world: World, session_id: str) -> dict[str, Any]:
    """End an open session; the buyer can no longer pay it."""
    session = expire_if_due(world, world.get(session_id, "checkout.session"))
    if session["status"] != "open":
        raise ApiError(
            'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout'
            f" Session has a status of `{session['status']}`."
        )
    return _expire(world, session)


def expire_if_due(world: World, session: dict[str, Any]) -> dict[str, Any]:
    """The session as it is now: expired when its time has come."""
    if session["status"] == "open" and session["expires_at"] <= world.now():
        return _expire(world, session)
    return session


def _expire(world: World, session: dict[str, Any]) -> dict[str, Any]:
    session.update(status="expired", url=None)
    world.store.put(session)
    emit(world, "checkout.session.expired", session)
    return session


def complete(
    world: World, session: dict[str, Any], *, paid: bool, email: str, name: str | None
) -> None:
    """The buyer has done his part; `paid` tells whether the money is there already."""
    details = dict.fromkeys(("address", "business_name", "individual_name", "phone", "tax_ids"))
    details.update(_billing(session))
    session.update(
        status="complete",
        payment_status="paid" if paid else "unpaid",
        url=None,
        customer_details={**details, "email": email, "name": name, "tax_exempt": "none"},
    )
    world.store.put(session)
    emit(world, "checkout.session.completed", session)


def _billing(session: dict[str, Any]) -> dict[str, Any]:
    """What the buyer typed of country and business number; the tax in the sums follows from it."""
    typed = session.get("_billing")
    if not typed:
        return {}
    if session["automatic_tax"]["enabled"]:
        session["automatic_tax"]["status"] = "complete"
        for item in session["_items"]:
            item["amount_tax"] = included(item["amount_total"], typed["country"])
        taxes = sum(item["amount_tax"] for item in session["_items"])
        session["total_details"]["amount_tax"] = taxes
    assert typed["country"] in COUNTRIES
    address = dict.fromkeys(("city", "line1", "line2", "postal_code", "state"))
    return {
        "address": {**address, "country": typed["country"]},
        "tax_ids": typed["tax_ids"] if session["tax_id_collection"]["enabled"] else None,
    }


def success_url(session: dict[str, Any]) -> str:
    """Where the buyer goes after paying, with the session's id filled in."""
    template: str = session["success_url"]
    return template.replace("{CHECKOUT_SESSION_ID}", session["id"])
