"""The API's addresses: which parameters each takes, and what it does."""

from __future__ import annotations

from typing import Any

from stripe.params import (
    BalanceTransactionListParams,
    BalanceTransactionRetrieveParams,
    ChargeListParams,
    ChargeRetrieveParams,
    EventListParams,
    EventRetrieveParams,
    PaymentIntentListParams,
    PaymentIntentRetrieveParams,
    RefundCreateParams,
    RefundListParams,
    RefundRetrieveParams,
    WebhookEndpointCreateParams,
    WebhookEndpointDeleteParams,
    WebhookEndpointListParams,
    WebhookEndpointRetrieveParams,
)
from stripe.params.checkout import (
    SessionCreateParams,
    SessionExpireParams,
    SessionListLineItemsParams,
    SessionListParams,
    SessionRetrieveParams,
)

from marketplace.sandbox.stripe_emulator import (
    application_fees,
    balances,
    billing_catalog,
    connect,
    disputes,
    events,
    files,
    invoices,
    payouts,
    refunds,
    sessions,
    subscriptions,
    transfers,
)
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.routing import Route, page_of, readable, route
from marketplace.sandbox.stripe_emulator.store import public
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["expand", "find_route"]


def _line_items(world: World, session_id: str, params: dict[str, Any]) -> dict[str, Any]:
    items = sessions.line_items(world, world.get(session_id, "checkout.session"))
    page, more = page_of(items["data"], params)
    return {**items, "data": page, "has_more": more}


_ROUTES = [
    route(
        "POST",
        "/checkout/sessions",
        SessionCreateParams,
        lambda world, _, params: sessions.create(world, params),
        required=("line_items", "mode", "success_url"),
    ),
    route(
        "POST",
        "/checkout/sessions/{id}/expire",
        SessionExpireParams,
        lambda world, session_id, _: sessions.expire(world, session_id),
    ),
    route("GET", "/checkout/sessions/{id}/line_items", SessionListLineItemsParams, _line_items),
    route(
        "POST",
        "/refunds",
        RefundCreateParams,
        lambda world, _, params: refunds.create(world, params),
    ),
    route(
        "POST",
        "/webhook_endpoints",
        WebhookEndpointCreateParams,
        lambda world, _, params: events.create_endpoint(world, params),
    ),
    route(
        "DELETE",
        "/webhook_endpoints/{id}",
        WebhookEndpointDeleteParams,
        lambda world, endpoint_id, _: events.delete_endpoint(world, endpoint_id),
    ),
    *readable("/checkout/sessions", "checkout.session", SessionRetrieveParams, SessionListParams),
    *readable(
        "/payment_intents", "payment_intent", PaymentIntentRetrieveParams, PaymentIntentListParams
    ),
    *readable("/charges", "charge", ChargeRetrieveParams, ChargeListParams),
    *readable("/refunds", "refund", RefundRetrieveParams, RefundListParams),
    *readable("/events", "event", EventRetrieveParams, EventListParams),
    *readable(
        "/balance_transactions",
        "balance_transaction",
        BalanceTransactionRetrieveParams,
        BalanceTransactionListParams,
    ),
    *readable(
        "/webhook_endpoints",
        "webhook_endpoint",
        WebhookEndpointRetrieveParams,
        WebhookEndpointListParams,
    ),
    *application_fees.ROUTES,
    *balances.ROUTES,
    *connect.ROUTES,
    *payouts.ROUTES,
    *transfers.ROUTES,
    *files.ROUTES,
    *disputes.ROUTES,
    *billing_catalog.ROUTES,
    *subscriptions.ROUTES,
    *invoices.ROUTES,
]


def find_route(method: str, path: str) -> tuple[Route, str]:
    """Return the route and the id in the address. Raises ApiError for an unknown address."""
    for known in _ROUTES:
        match = known.pattern.fullmatch(path)
        if match and known.method == method:
            return known, match[1] if match.groups() else ""
    raise ApiError(
        f"Unrecognized request URL ({method}: {path}). Please see"
        " https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
    )


_BY_ID = {
    "balance_transaction", "charge", "failure_balance_transaction", "latest_charge",
    "payment_intent", "source", "application_fee", "destination_payment", "fee",
    "originating_transaction", "source_transaction", "transfer", "transfer_reversal",
    "customer", "invoice", "latest_invoice", "product", "subscription",
}  # fmt: skip


def expand(world: World, obj: dict[str, Any], paths: list[str]) -> dict[str, Any]:
    """Return the public form of `obj` with each of `paths` ("a.b.c") filled in."""
    shown = public(obj)
    if obj["object"] == "list":
        shown["data"] = [public(item) for item in obj["data"]]
    for path in paths:
        if path.count(".") > 3:
            raise ApiError("You cannot expand more than 4 levels of a property.", param="expand")
    for name in dict.fromkeys(path.partition(".")[0] for path in paths):
        deeper = [p.partition(".")[2] for p in paths if p.partition(".")[0] == name]
        shown[name] = _expanded(world, obj, name, [path for path in deeper if path])
    return shown


def _expanded(world: World, obj: dict[str, Any], name: str, deeper: list[str]) -> Any:
    kind = obj["object"]
    if kind == "list" and name == "data":
        return [expand(world, item, deeper) for item in obj["data"]]
    if kind == "checkout.session" and name == "line_items":
        return expand(world, sessions.line_items(world, obj), deeper)
    if kind == "charge" and name == "refunds":
        return expand(world, refunds.of_charge(world, obj), deeper)
    if kind == "invoice" and name == "payments":
        return expand(world, invoices.payments_of(world, obj), deeper)
    if name not in _BY_ID or name not in obj:
        raise ApiError(f"This property cannot be expanded ({name}).", param="expand")
    found = world.store.get(obj[name]) if obj[name] is not None else None
    return None if found is None else expand(world, found, deeper)
