"""Every route × everybody. A new route fails here until its row is written."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.apps import apps
from django.core.cache import cache
from django.db import transaction

from marketplace.api.v1 import api
from tests.marketplace.access.places import PEOPLE, Trade, make_trade, routes_of
from tests.marketplace.access.table import (
    API,
    API_CALLERS,
    CSRF_EXEMPT,
    OPEN_BY_LINK,
    PAGES,
)
from tests.marketplace.api.calling import NONCE, call

pytestmark = pytest.mark.django_db
REFUSED = {401, 403, 404, 405}
STRICT = (
    "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; "
    "object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)
# Scripts and styles that stand in the page itself, or that a link or an attribute would run.
INLINE = re.compile(
    r"<script(?![^>]*\ssrc=)(?![^>]*type=\"application/json\")|<style\b"
    r"|<[^>]*\s(?:style|on[a-z]+)\s*=\s*[\"']|(?:href|src|action)\s*=\s*[\"']?\s*javascript:",
    re.IGNORECASE,
)


@pytest.fixture
def trade() -> Trade:
    return make_trade()


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside never happened."""
    point = transaction.savepoint()
    cache.clear()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


def state() -> dict[str, str]:
    """A fingerprint of every table, but for sessions and proofs that were shown."""
    ignored = {"sessions.Session", "accounts.UsedProof"}
    return {
        model._meta.label: hashlib.sha256(
            repr(list(model._base_manager.order_by("pk").values())).encode()
        ).hexdigest()
        for model in apps.get_models()
        if model._meta.label not in ignored
    }


def policy(header: str) -> set[str]:
    """The directives of a content security policy, in whatever order they came."""
    return {part.strip() for part in header.split(";")}


def check_page(answer: Any, route: str) -> None:
    """An HTML answer carries the strict policy and needs no exception from it."""
    if "html" not in answer.headers.get("Content-Type", ""):
        return
    page = answer.content.decode()
    assert policy(answer["Content-Security-Policy"]) == policy(STRICT), route
    assert answer["X-Content-Type-Options"] == "nosniff", route
    assert not (found := INLINE.search(page)), (route, found)
    assert route.startswith("^api") or answer["X-Frame-Options"] == "DENY", route


def test_the_table_has_every_route() -> None:
    known = routes_of()

    assert set(PAGES) == {r for r in known if not r.startswith(("admin/", "api/v1/"))}
    schema = api.get_openapi_schema()["paths"]
    assert set(API) == {(m.upper(), path) for path, of in schema.items() for m in of}
    # What stands in neither: the API's own description, which is for everybody.
    own = {re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", "/" + r) for r in known if r.startswith("api/v1/")}
    assert own - set(schema) == {"/api/v1/", "/api/v1/docs", "/api/v1/openapi.json"}


def test_reading_gives_everybody_what_is_theirs_and_changes_nothing(trade: Trade) -> None:
    found: dict[tuple[str, str], int] = {}
    expected: dict[tuple[str, str], int] = {}
    before = state()

    for route, row in PAGES.items():
        for who in PEOPLE:
            answer = trade.client(who).get(trade.path(row.path))
            found[route, who] = answer.status_code
            check_page(answer, route)
        expected |= {(route, who): s for who, s in zip(PEOPLE, row.get, strict=True)}
        assert state() == before, route

    assert found == expected


def test_a_post_is_for_its_owner_and_changes_nothing_for_others(trade: Trade) -> None:
    found: dict[tuple[str, str], int] = {}
    expected: dict[tuple[str, str], int] = {}
    before = state()

    for route, row in PAGES.items():
        for who in PEOPLE:
            with undone():
                answer = trade.client(who).post(trade.path(row.path))
                found[route, who] = answer.status_code
                check_page(answer, route)
                stranger = who == "nobody" or answer.status_code in REFUSED
                assert not stranger or route == OPEN_BY_LINK or state() == before, (route, who)
        expected |= {(route, who): s for who, s in zip(PEOPLE, row.post, strict=True)}

    assert found == expected


def test_every_address_wants_the_forms_token(trade: Trade) -> None:
    exempt = {
        route
        for route, pattern in routes_of().items()
        if getattr(pattern.callback, "csrf_exempt", False)
    }
    assert {r for r in exempt if not r.startswith("api/v1/")} == CSRF_EXEMPT

    for route, row in PAGES.items():
        if route in CSRF_EXEMPT:
            continue
        for who in ("nobody", "ada", "seller", "operator"):
            answer = trade.client(who, csrf=True).post(trade.path(row.path))
            assert answer.status_code == 403, (route, who)
            check_page(answer, route)


@pytest.mark.parametrize(("method", "path"), API)
def test_the_api_gives_everybody_what_is_theirs(trade: Trade, method: str, path: str) -> None:
    found = {}
    place = path.replace("{licence_id}", "{licence}").format(**trade.places)
    if path.endswith(("/status", "/handovers")):
        place += f"?nonce={NONCE}"

    for who in API_CALLERS:
        with undone():
            if who == "nobody":
                answer = call(trade.seeders["ada"], method, place, headers={})
            else:
                answer = call(trade.seeders[who], method, place)
            found[who] = answer.status_code

    assert found == dict(zip(API_CALLERS, API[method, path], strict=True))


@pytest.mark.parametrize("page", ["docs", "openapi.json"])
def test_the_description_of_the_api_is_for_everybody(trade: Trade, page: str) -> None:
    for who in PEOPLE:
        answer = trade.client(who).get(f"/api/v1/{page}")
        assert answer.status_code == 200
        check_page(answer, "api/v1/docs")


def test_the_admin_is_for_the_operator_alone(trade: Trade) -> None:
    pages = ["/admin/", *(f"/admin/{a}/{m}/" for a, m in _registered())]

    for path in pages:
        for who in PEOPLE:
            answer = trade.client(who).get(path)
            assert answer.status_code == (200 if who == "operator" else 302), (path, who)
            assert who == "operator" or answer["Location"].startswith("/admin/login/")
            directives = policy(answer["Content-Security-Policy"])
            assert {"default-src 'self'", "object-src 'none'", "base-uri 'none'"} <= directives
            assert "http" not in answer["Content-Security-Policy"]


def _registered() -> set[tuple[str, str]]:
    found = {re.match(r"admin/(\w+)/(\w+)/$", route) for route in routes_of("admin/")}
    return {(match[1], match[2]) for match in found if match and match[1] not in {"login", "r"}}
