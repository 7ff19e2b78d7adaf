"""Levers for tests and demonstrations, under /_test/: JSON in, JSON out.

POST   /_test/rules          {"type": "checkout.*", "action": "twice|late|never|hold", "seconds": 5}
DELETE /_test/rules          forget rules, planned failures and held deliveries; the time is right
POST   /_test/release        {"order": "given|reverse"}: post the held deliveries one after another
POST   /_test/fail_next      {"count": 1, "status": 500, "when": "before|after", "path": "/v1/",
                              "verb": "POST"}
GET    /_test/deliveries     every delivery: event, type, endpoint, state, attempts, last status
POST   /_test/events/<id>/deliver   {"times": 1}: post an event again, at once
POST   /_test/clock          {"advance": seconds}: the emulator's time runs ahead
POST   /_test/disputes       {"charge": "ch_…", "reason": "fraudulent", "amount": 500, "inquiry": false}
POST   /_test/disputes/<id>/win | lose | escalate | appeal | close   (close: an inquiry ends)
POST   /_test/subscriptions/<id>/next   its next renewal, charge or retry happens now
POST   /_test/subscriptions/<id>/card   {"number": "4000000000000341"}: the card that is kept
POST   /_test/settle/<id>    {"succeeds": true}: an asynchronous payment (cs_…), a refund (re_…), a payout
                              (po_…), or the check of an account (acct_…)
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from marketplace.sandbox.stripe_emulator import (
    connect,
    disputes,
    payments,
    payouts,
    refunds,
    subscriptions,
)
from marketplace.sandbox.stripe_emulator.delivery import Courier
from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.jobs import run_due_jobs
from marketplace.sandbox.stripe_emulator.store import Delivery
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["run_hook"]

_DISPUTE_VERBS: dict[str, Callable[[World, str], dict[str, Any]]] = {
    "win": functools.partial(disputes.decide, won=True),
    "lose": functools.partial(disputes.decide, won=False),
    "escalate": disputes.escalate,
    "appeal": disputes.appeal,
    "close": disputes.close_inquiry,
}
_ACTIONS = frozenset({"twice", "late", "never", "hold"})


async def run_hook(
    world: World, courier: Courier, method: str, path: str, data: dict[str, Any]
) -> dict[str, Any]:
    """Pull one lever. Raises ApiError for an unknown one."""
    match method, path.strip("/").split("/")[1:]:
        case "POST", ["rules"]:
            return _add_rule(world, data)
        case "DELETE", ["rules"]:
            return _forget(world)
        case "POST", ["release"]:
            return await _release(world, courier, data)
        case "POST", ["fail_next"]:
            return _plan_failure(world, data)
        case "GET", ["deliveries"]:
            return {"deliveries": [_shown(world, d) for d in world.store.deliveries()]}
        case "POST", ["events", event_id, "deliver"]:
            return await _deliver_again(world, courier, event_id, int(data.get("times", 1)))
        case "POST", ["clock"]:
            return _advance(world, float(data["advance"]))
        case "POST", ["settle", object_id]:
            return _settle(world, object_id, succeeds=bool(data.get("succeeds", True)))
        case "POST", ["disputes" | "subscriptions" as kind, *rest]:
            act = _dispute if kind == "disputes" else _subscription
            return act(world, rest, data)
    raise ApiError(f"No such test hook: {method} {path}", status=404)


async def _release(world: World, courier: Courier, data: dict[str, Any]) -> dict[str, Any]:
    held = world.store.deliveries(state="held")
    ordered = held[::-1] if data.get("order") == "reverse" else held
    return {"statuses": [await courier.attempt(delivery) for delivery in ordered]}


def _subscription(world: World, rest: list[str], data: dict[str, Any]) -> dict[str, Any]:
    with world.store.transaction():
        match rest:
            case [subscription_id, "next"]:
                return {"did": subscriptions.hurry(world, subscription_id)}
            case [subscription_id, "card"]:
                subscriptions.keep_card(world, subscription_id, str(data["number"]))
                return {}
    raise ApiError("A subscription has the levers next and card.", status=404)


def _dispute(world: World, rest: list[str], data: dict[str, Any]) -> dict[str, Any]:
    with world.store.transaction():
        match rest:
            case []:
                dispute = disputes.open_dispute(world, data.pop("charge"), **data)
            case [dispute_id, verb] if verb in _DISPUTE_VERBS:
                dispute = _DISPUTE_VERBS[verb](world, dispute_id)
            case _:
                raise ApiError(f"A dispute can only {', '.join(_DISPUTE_VERBS)}.", status=404)
        return {"id": dispute["id"], "status": dispute["status"]}


def _add_rule(world: World, data: dict[str, Any]) -> dict[str, Any]:
    if data.get("action") not in _ACTIONS:
        raise ApiError(f"action is one of {sorted(_ACTIONS)}")
    rule = {
        "type": str(data.get("type", "*")),
        "action": data["action"],
        "seconds": float(data.get("seconds", 0)),
    }
    world.store.set("rules", [rule, *world.store.setting("rules", [])])
    return rule


def _forget(world: World) -> dict[str, Any]:
    world.store.set("rules", [])
    world.store.set("fail_next", None)
    world.store.set("clock_offset", 0)
    for delivery in world.store.deliveries(state="held"):
        world.store.update_delivery(
            delivery.id, state="dropped", attempts=delivery.attempts, due=0, last_status=None
        )
    return {}


def _plan_failure(world: World, data: dict[str, Any]) -> dict[str, Any]:
    plan = {
        "count": int(data.get("count", 1)),
        "status": int(data.get("status", 500)),
        "when": "after" if data.get("when") == "after" else "before",
        "path": str(data.get("path", "/v1/")),
        "verb": data.get("verb"),
    }
    world.store.set("fail_next", plan)
    return plan


def _shown(world: World, delivery: Delivery) -> dict[str, Any]:
    event = world.get(delivery.event, "event")
    return {
        "id": delivery.id,
        "event": delivery.event,
        "type": event["type"],
        "object": event["data"]["object"]["id"],
        "endpoint": delivery.endpoint,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "last_status": delivery.last_status,
    }


async def _deliver_again(
    world: World, courier: Courier, event_id: str, times: int
) -> dict[str, Any]:
    world.get(event_id, "event")
    statuses = []
    for endpoint in world.store.all("webhook_endpoint"):
        for _ in range(times):
            delivery_id = world.store.add_delivery(
                event=event_id, endpoint=endpoint["id"], state="held", due=world.now()
            )
            again = next(d for d in world.store.deliveries(event=event_id) if d.id == delivery_id)
            statuses.append(await courier.attempt(again))
    return {"statuses": statuses}


def _advance(world: World, seconds: float) -> dict[str, Any]:
    world.store.set("clock_offset", world.store.setting("clock_offset", 0) + seconds)
    return {"now": world.seconds(), "jobs": run_due_jobs(world)}


def _settle(world: World, object_id: str, *, succeeds: bool) -> dict[str, Any]:
    with world.store.transaction():
        match object_id.partition("_")[0]:
            case "re":
                refunds.settle(world, object_id, succeeds=succeeds)
            case "po":
                payouts.settle(world, object_id, succeeds=succeeds)
            case "acct":
                connect.finish(world, object_id, verdict="verified" if succeeds else "rejected")
            case _:
                payments.settle(world, object_id, succeeds=succeeds)
    return {}
