"""The API's addresses: which parameters each takes, and what it does."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
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

from marketplace.sandbox.stripe_emulator import events, refunds, sessions
from marketplace.sandbox.stripe_emulator.errors import ApiError, missing_resource
from marketplace.sandbox.stripe_emulator.store import public
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["Route", "expand", "find_route"]

Action = Callable[[World, str, dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Route:
    """`act` gets the id in the address ("" where there is none) and the checked parameters."""

    method: str
    pattern: re.Pattern[str]
    schema: type[Any]
    act: Action
    required: tuple[str, ...] = ()


def _retrieve(kind: str) -> Action:
    def act(world: World, object_id: str, params: dict[str, Any]) -> dict[str, Any]:
        return _current(world, world.get(object_id, kind))

    return act


def _list(kind: str) -> Action:
    def act(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
        found = [_current(world, obj) for obj in world.store.all(kind)]
        page, more = _page([obj for obj in found if _matches(obj, params)], params)
        return {"object": "list", "data": page, "has_more": more}

    return act


def _current(world: World, obj: dict[str, Any]) -> dict[str, Any]:
    if obj["object"] == "checkout.session":
        return sessions.expire_if_due(world, obj)
    if obj["object"] == "event":
        return events.presented_event(world, obj)
    return obj


_PAGING = frozenset({"limit", "starting_after", "ending_before", "expand"})


def _matches(obj: dict[str, Any], params: dict[str, Any]) -> bool:
    for name, wanted in params.items():
        if name in _PAGING:
            continue
        if name == "created":
            good = _in_range(obj["created"], wanted)
        elif name == "types":
            good = obj["type"] in wanted
        elif name == "customer_details":
            good = wanted.get("email") == (obj["customer_details"] or {}).get("email")
        else:
            good = obj.get(name) == wanted
        if not good:
            return False
    return True


def _in_range(created: int, wanted: Any) -> bool:
    if isinstance(wanted, int):
        return created == wanted
    lowest = max(wanted.get("gte", created), wanted.get("gt", created - 1) + 1)
    highest = min(wanted.get("lte", created), wanted.get("lt", created + 1) - 1)
    return bool(lowest <= created <= highest)


def _page(found: list[dict[str, Any]], params: dict[str, Any]) -> tuple[list[dict[str, Any]], bool]:
    limit = params.get("limit", 10)
    if not 1 <= limit <= 100:
        raise ApiError("Invalid limit: it must be between 1 and 100.", param="limit")
    ids = [obj["id"] for obj in found]
    if before := params.get("ending_before"):
        end = _index(ids, before, "ending_before")
        begin = max(0, end - limit)
        return found[begin:end], begin > 0
    begin = 0
    if after := params.get("starting_after"):
        begin = _index(ids, after, "starting_after") + 1
    return found[begin : begin + limit], len(found) > begin + limit


def _index(ids: list[str], wanted: str, param: str) -> int:
    if wanted not in ids:
        raise missing_resource("object", wanted, param=param)
    return ids.index(wanted)


def _line_items(world: World, session_id: str, params: dict[str, Any]) -> dict[str, Any]:
    items = sessions.line_items(world, world.get(session_id, "checkout.session"))
    page, more = _page(items["data"], params)
    return {**items, "data": page, "has_more": more}


def _route(
    method: str, path: str, schema: type[Any], act: Action, required: tuple[str, ...] = ()
) -> Route:
    pattern = re.compile("/v1" + path.replace("{id}", r"(\w+)"))
    return Route(method, pattern, schema, act, required)


def _readable(path: str, kind: str, one: type[Any], many: type[Any]) -> list[Route]:
    return [
        _route("GET", path, many, _list(kind)),
        _route("GET", path + "/{id}", one, _retrieve(kind)),
    ]


_ROUTES = [
    _route(
        "POST",
        "/checkout/sessions",
        SessionCreateParams,
        lambda world, _, params: sessions.create(world, params),
        required=("line_items", "mode", "success_url"),
    ),
    _route(
        "POST",
        "/checkout/sessions/{id}/expire",
        SessionExpireParams,
        lambda world, session_id, _: sessions.expire(world, session_id),
    ),
    _route("GET", "/checkout/sessions/{id}/line_items", SessionListLineItemsParams, _line_items),
    _route(
        "POST",
        "/refunds",
        RefundCreateParams,
        lambda world, _, params: refunds.create(world, params),
    ),
    _route(
        "POST",
        "/webhook_endpoints",
        WebhookEndpointCreateParams,
        lambda world, _, params: events.create_endpoint(world, params),
    ),
    _route(
        "DELETE",
        "/webhook_endpoints/{id}",
        WebhookEndpointDeleteParams,
        lambda world, endpoint_id, _: events.delete_endpoint(world, endpoint_id),
    ),
    *_readable("/checkout/sessions", "checkout.session", SessionRetrieveParams, SessionListParams),
    *_readable(
        "/payment_intents", "payment_intent", PaymentIntentRetrieveParams, PaymentIntentListParams
    ),
    *_readable("/charges", "charge", ChargeRetrieveParams, ChargeListParams),
    *_readable("/refunds", "refund", RefundRetrieveParams, RefundListParams),
    *_readable("/events", "event", EventRetrieveParams, EventListParams),
    *_readable(
        "/balance_transactions",
        "balance_transaction",
        BalanceTransactionRetrieveParams,
        BalanceTransactionListParams,
    ),
    *_readable(
        "/webhook_endpoints",
        "webhook_endpoint",
        WebhookEndpointRetrieveParams,
        WebhookEndpointListParams,
    ),
]


def find_route(method: str, path: str) -> tuple[Route, str]:
    """Return the route and the id in the address. Raises ApiError for an unknown address."""
    for route in _ROUTES:
        match = route.pattern.fullmatch(path)
        if match and route.method == method:
            return route, match[1] if match.groups() else ""
    raise ApiError(
        f"Unrecognized request URL ({method}: {path}). Please see"
        " https://stripe.com/docs or we can help at https://support.stripe.com/.",
        status=404,
    )


_BY_ID = {
    "balance_transaction", "charge", "failure_balance_transaction", "latest_charge",
    "payment_intent", "source",
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
    if name not in _BY_ID or name not in obj:
        raise ApiError(f"This property cannot be expanded ({name}).", param="expand")
    found = world.store.get(obj[name]) if obj[name] is not None else None
    return None if found is None else expand(world, found, deeper)
