"""Events, the endpoints that listen to them, and how a delivery is signed."""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import json
import secrets
from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator.errors import ApiError
from marketplace.sandbox.stripe_emulator.shapes import fill
from marketplace.sandbox.stripe_emulator.store import public
from marketplace.sandbox.stripe_emulator.world import World

__all__ = [
    "CONFIGURED_ENDPOINT",
    "configure_endpoint",
    "create_endpoint",
    "delete_endpoint",
    "emit",
    "event_body",
    "presented_event",
    "sign",
]

CONFIGURED_ENDPOINT = "we_configured"  # the one that the command line names


def emit(
    world: World,
    kind: str,
    obj: dict[str, Any],
    *,
    previous: dict[str, Any] | None = None,
    account: str | None = None,
) -> dict[str, Any]:
    """Record that `kind` ("charge.refunded") happened to `obj`, and queue it to whom it concerns.

    `account` names the connected account that it happened in; None is the platform.
    """
    data: dict[str, Any] = {"object": public(obj)}
    if previous is not None:
        data["previous_attributes"] = previous
    event = fill(
        stripe.Event,
        id=world.new_id("evt_"),
        object="event",
        account=account,
        api_version=world.api_version,
        created=world.seconds(),
        data=data,
        livemode=False,
        pending_webhooks=0,
        request={"id": world.request_id, "idempotency_key": world.idempotency_key},
        type=kind,
    )
    world.store.put(event)
    for endpoint in world.store.all("webhook_endpoint"):
        if endpoint["status"] == "enabled" and _wants(endpoint, kind):
            _queue(world, event["id"], endpoint["id"], kind)
    world.wake()
    return event


def _wants(endpoint: dict[str, Any], kind: str) -> bool:
    return any(wanted in ("*", kind) for wanted in endpoint["enabled_events"])


def _queue(world: World, event_id: str, endpoint_id: str, kind: str) -> None:
    """Queue one delivery, bent by the rules that a test has set (see hooks.py)."""
    rules: list[dict[str, Any]] = world.store.setting("rules", [])
    rule = next((r for r in rules if fnmatch.fnmatchcase(kind, r["type"])), {})
    action = rule.get("action")
    state = {"never": "dropped", "hold": "held"}.get(action or "", "waiting")
    due = world.now() + (rule["seconds"] if action == "late" else 0)
    for _ in range(2 if action == "twice" else 1):
        world.store.add_delivery(event=event_id, endpoint=endpoint_id, state=state, due=due)


def presented_event(world: World, event: dict[str, Any]) -> dict[str, Any]:
    """The event with the number of endpoints that have not yet accepted it."""
    waiting = {
        delivery.endpoint
        for delivery in world.store.deliveries(event=event["id"])
        if delivery.state in ("waiting", "held")
    }
    return {**event, "pending_webhooks": len(waiting)}


def event_body(world: World, event_id: str) -> bytes:
    """The bytes that are posted to an endpoint."""
    event = presented_event(world, world.get(event_id, "event"))
    return json.dumps(event, indent=2, ensure_ascii=False).encode()


def sign(body: bytes, *, secret: str, timestamp: int) -> str:
    """The Stripe-Signature header: HMAC-SHA256 over "<timestamp>.<body>"."""
    mac = hmac.new(secret.encode(), b"%d." % timestamp + body, hashlib.sha256)
    return f"t={timestamp},v1={mac.hexdigest()}"


def create_endpoint(world: World, params: dict[str, Any]) -> dict[str, Any]:
    _check_url(params["url"])
    endpoint = _endpoint(
        world,
        endpoint_id=world.new_id("we_"),
        url=params["url"],
        secret="whsec_" + secrets.token_urlsafe(24),
        enabled_events=params["enabled_events"],
    )
    endpoint["description"] = params.get("description")
    endpoint["metadata"] = params.get("metadata") or {}
    endpoint["api_version"] = params.get("api_version")
    # The secret is told once, in the answer to the creation.
    return {**world.store.put(endpoint), "secret": endpoint["_secret"]}


def configure_endpoint(world: World, *, url: str, secret: str) -> None:
    """Make, or move, the endpoint that the command line names."""
    _check_url(url)
    world.store.put(
        _endpoint(
            world, endpoint_id=CONFIGURED_ENDPOINT, url=url, secret=secret, enabled_events=["*"]
        )
    )


def _check_url(url: str) -> None:
    if not url.startswith(("http://", "https://")):
        raise ApiError("Invalid URL: An explicit scheme (such as https) must be provided.")


def _endpoint(
    world: World, *, endpoint_id: str, url: str, secret: str, enabled_events: list[str]
) -> dict[str, Any]:
    return fill(
        stripe.WebhookEndpoint,
        id=endpoint_id,
        object="webhook_endpoint",
        created=world.seconds(),
        enabled_events=enabled_events,
        livemode=False,
        metadata={},
        status="enabled",
        url=url,
        _secret=secret,
    )


def delete_endpoint(world: World, endpoint_id: str) -> dict[str, Any]:
    world.get(endpoint_id, "webhook_endpoint")
    world.store.delete(endpoint_id)
    return {"id": endpoint_id, "object": "webhook_endpoint", "deleted": True}
