"""One API call: who asks, was it asked before, is it allowed, and what is the answer."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.sandbox.stripe_emulator.contract import check
from marketplace.sandbox.stripe_emulator.errors import ApiError, ValidationError
from marketplace.sandbox.stripe_emulator.form import parse_form
from marketplace.sandbox.stripe_emulator.resources import expand, find_route
from marketplace.sandbox.stripe_emulator.store import Answer
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["ApiRequest", "ApiResponse", "answer"]

KEYS_KEPT = 24 * 3600  # seconds; Stripe forgets an idempotency key after that


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """`headers` by lower-case name; `query` and `body` as they came."""

    method: str
    path: str
    headers: Mapping[str, str]
    query: str = ""
    body: str = ""


@dataclass(frozen=True, slots=True)
class ApiResponse:
    status: int
    body: str
    headers: dict[str, str] = field(default_factory=dict)


def answer(world: World, request: ApiRequest) -> ApiResponse:
    """Serve one call. Never raises ApiError: it becomes the answer."""
    request_id = world.new_id("req_")
    key = request.headers.get("idempotency-key") if request.method == "POST" else None
    headers = {
        "Request-Id": request_id,
        "Stripe-Version": request.headers.get("stripe-version", world.api_version),
    }
    if key:
        headers["Idempotency-Key"] = key
    world.request_id, world.idempotency_key = request_id, key
    world.account = request.headers.get("stripe-account", "")
    try:
        failure = _planned_failure(world, request)
        if failure and failure["when"] == "before":
            raise _injected(failure)
        status, body, replayed = _serve(world, request, key)
        if failure:  # the call took effect, its answer is lost
            raise _injected(failure)
    except ApiError as error:
        return _error_response(error, headers)
    finally:
        world.request_id = world.idempotency_key = None
        world.account = ""
    if replayed:
        headers["Idempotent-Replayed"] = "true"
    return ApiResponse(status, body, headers)


def _error_response(error: ApiError, headers: dict[str, str]) -> ApiResponse:
    return ApiResponse(error.status, json.dumps({"error": error.error}), headers)


def _planned_failure(world: World, request: ApiRequest) -> dict[str, Any] | None:
    """Take one of the failures that a test has ordered (hooks.py)."""
    plan: dict[str, Any] | None = world.store.setting("fail_next", None)
    if not plan or plan["count"] < 1 or not request.path.startswith(plan["path"]):
        return None
    if plan["verb"] not in (None, request.method):
        return None
    world.store.set("fail_next", {**plan, "count": plan["count"] - 1})
    return plan


def _injected(plan: dict[str, Any]) -> ApiError:
    return ApiError("An unknown error occurred", status=plan["status"], kind="api_error")


def _serve(world: World, request: ApiRequest, key: str | None) -> tuple[int, str, bool]:
    """Return status, body, and whether it is a kept answer."""
    _authenticate(request.headers)
    _check_account(world)
    route, object_id = find_route(request.method, request.path)
    if key is not None and len(key) > 255:
        raise ApiError("Idempotency keys may have at most 255 characters.")
    if key and world.account:
        key = f"{world.account}:{key}"  # each account has its own keys
    digest = hashlib.sha256(request.body.encode()).hexdigest()
    if key and (kept := world.store.answer(key, since=world.now() - KEYS_KEPT)):
        if (kept.path, kept.digest) != (request.path, digest):
            raise ApiError(
                "Keys for idempotent requests can only be used with the same parameters they were"
                f" first used with. Try using a key other than '{key}' if you meant to execute a"
                " different request.",
                kind="idempotency_error",
            )
        return kept.status, kept.body, True
    form = parse_form(request.query if request.method == "GET" else request.body)
    params = check(route.schema, form, required=route.required)
    paths = params.pop("expand", [])
    try:
        with world.store.transaction():
            result = route.act(world, object_id, params)
            if result["object"] == "list":
                result = {**result, "url": request.path}
            body = json.dumps(expand(world, result, paths))
            if key:
                world.store.keep_answer(
                    key, Answer(request.path, digest, 200, body), at=world.now()
                )
    except ValidationError:
        raise
    except ApiError as error:
        if key:
            kept_error = json.dumps({"error": error.error})
            kept = Answer(request.path, digest, error.status, kept_error)
            world.store.keep_answer(key, kept, at=world.now())
        raise
    return 200, body, False


def _check_account(world: World) -> None:
    if world.account and (world.store.get(world.account) or {}).get("object") != "account":
        # Stripe does not tell who is not there from who is not ours.
        raise ApiError(
            f"The provided key does not have access to account '{world.account}' (or that account"
            " does not exist). Application access may have been revoked.",
            status=403,
            code="account_invalid",
        )


def _authenticate(headers: Mapping[str, str]) -> None:
    scheme, _, credential = headers.get("authorization", "").partition(" ")
    if scheme == "Basic":
        try:
            credential = base64.b64decode(credential).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            credential = ""
    if not credential:
        raise ApiError(
            "You did not provide an API key. You need to provide your API key in the Authorization"
            " header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            status=401,
        )
    if not credential.startswith("sk_test_"):
        # A real key must not travel to an emulator, so it is not repeated either.
        raise ApiError("Invalid API Key provided: this emulator takes sk_test_… alone", status=401)
    version = headers.get("stripe-version")
    if version is not None and not re.fullmatch(r"\d{4}-\d{2}-\d{2}(\.\w+)?", version):
        raise ApiError(f"Invalid Stripe API version: {version}")
