"""How the API's addresses are written down: parameters, paging, and the plain reads.

Each part of the emulator lists its own addresses with `route` and `readable`; resources.py
puts the lists together.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from marketplace.sandbox.stripe_emulator import events, sessions
from marketplace.sandbox.stripe_emulator.errors import ApiError, missing_resource
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["Action", "Route", "page_of", "readable", "route"]

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
        found = world.get(object_id, kind)
        if not _is_visible(world, found):
            raise missing_resource(kind, object_id)
        return _current(world, found)

    return act


def _list(kind: str) -> Action:
    def act(world: World, _: str, params: dict[str, Any]) -> dict[str, Any]:
        seen = [obj for obj in world.store.all(kind) if _is_visible(world, obj)]
        found = [_current(world, obj) for obj in seen]
        page, more = page_of([obj for obj in found if _matches(obj, params)], params)
        return {"object": "list", "data": page, "has_more": more}

    return act


def _is_visible(world: World, obj: dict[str, Any]) -> bool:
    """An account sees what is its own; the platform, what belongs to no account."""
    return bool(obj.get("_account", "") == world.account)


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


def page_of(
    found: list[dict[str, Any]], params: dict[str, Any]
) -> tuple[list[dict[str, Any]], bool]:
    """The objects that `limit` and the cursors name, and whether there are more."""
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


def route(
    method: str, path: str, schema: type[Any], act: Action, required: tuple[str, ...] = ()
) -> Route:
    """An address; `{id}` in its path is handed to `act`."""
    pattern = re.compile("/v1" + path.replace("{id}", r"(\w+)"))
    return Route(method, pattern, schema, act, required)


def readable(path: str, kind: str, one: type[Any], many: type[Any]) -> list[Route]:
    """The addresses that read one object of a kind, and list them, the newest first."""
    return [
        route("GET", path, many, _list(kind)),
        route("GET", path + "/{id}", one, _retrieve(kind)),
    ]
