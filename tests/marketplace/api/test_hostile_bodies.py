"""Bodies that are too deep, too large or no text: a refusal with a sentence, never a fault."""

from __future__ import annotations

import json

import pytest

from tests.marketplace.api.calling import NONCE, World, call, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def bodies() -> dict[str, str]:
    digits = "9" * 5000
    return {
        "a list in a list in a list": "[" * 200_000,
        "deep in a member": '{"nonce": ' + "[" * 50_000 + "]" * 50_000 + "}",
        "a number of 5000 digits": f'{{"nonce": "{NONCE}", "counter": {digits}}}',
        "a counter past all": f'{{"nonce": "{NONCE}", "counter": {2**63}}}',
        "a counter that is infinite": f'{{"nonce": "{NONCE}", "counter": 1e999}}',
        "plays past all": f'{{"nonce": "{NONCE}", "plays": {2**31}}}',
        "a first play in year 10000": f'{{"nonce": "{NONCE}", "first_play": {2**40}}}',
        "half a character": '{"nonce": "\\ud800' + "a" * 20 + '", "surrender": "\\ud800"}',
        "a zero byte": '{"nonce": "\\u0000' + "a" * 20 + '", "surrender": "\\u0000"}',
        "no text": "\x00\x01",
        "a long text": json.dumps({"surrender": "a" * 5000, "nonce": "a" * 5000}),
        "three megabytes": json.dumps({"nonce": "a" * 3_000_000}),
    }


@pytest.mark.parametrize("route", ["lease", "surrender", "recovery key", "progress"])
def test_whatever_is_sent_is_refused_with_a_sentence(route: str, bodies: dict[str, str]) -> None:
    world = make_world(rent=True)
    method, path = _route(world, route)

    for name, body in bodies.items():
        answer = call(world.desk, method, path, body=body)
        assert answer.status_code in {400, 413, 422}, (name, answer.status_code)
        assert answer.json()["message"].endswith("."), name


@pytest.mark.parametrize("member", ["identity_key", "sealing_key", "sealing_suite"])
@pytest.mark.parametrize("value", ["\ud800", "\x00", "é", "A" * 43, ""])
def test_public_parts_that_are_none_are_refused(member: str, value: str) -> None:
    world = make_world()
    parts = {
        "identity_key": "A" * 43,
        "sealing_suite": "X25519",
        "sealing_key": "A" * 43,
        "sealing_key_signature": "A" * 86,
    }

    answer = call(world.desk, "PUT", "/api/v1/recovery-key", body={**parts, member: value})

    assert answer.status_code == 422


def _route(world: World, route: str) -> tuple[str, str]:
    if route == "lease":
        return "POST", f"/api/v1/licences/{world.leased}/lease"
    if route == "surrender":
        return "POST", world.path("/api/v1/handovers/{handover}/surrender")
    return "PUT", {"recovery key": "/api/v1/recovery-key", "progress": "/api/v1/progress"}[route]
