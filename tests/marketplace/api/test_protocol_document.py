"""docs/protocol-v1.md names every route, code and kind, so that strangers can rely on it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.test import Client

from marketplace.accounts import errors as accounts_errors
from marketplace.api.consumers import FOR_SEEDERS
from marketplace.api.v1 import api
from marketplace.distribution import errors as distribution_errors
from marketplace.distribution import tracker
from marketplace.distribution.announce import DEFAULT_NUMWANT, MAX_NUMWANT, MAX_QUERY
from marketplace.distribution.memberships import REMEMBER
from marketplace.distribution.swarm import LIFETIME, PEERS_PER_MEMBER
from marketplace.distribution.types import STATES
from marketplace.licensing import errors as licensing_errors

TEXT = (Path(__file__).resolve().parents[3] / "docs/protocol-v1.md").read_text()


def test_every_route_has_its_heading() -> None:
    headings = re.findall(r"^### 4\.\d+ `(\w+) (/[^`?]*)", TEXT, re.MULTILINE)

    routes = [
        (method.upper(), re.sub(r"\{licence_id\}", "{id}", path.removeprefix("/api/v1")))
        for path, methods in api.get_openapi_schema()["paths"].items()
        for method in methods
    ]
    assert sorted(headings) == sorted(routes)


@pytest.mark.parametrize(
    "code",
    [
        accounts_errors.InvalidTokenError.code,
        accounts_errors.InvalidProofError.code,
        accounts_errors.DeviceRemovedError.code,
        accounts_errors.DeviceNotFoundError.code,
        licensing_errors.EntitlementNotFoundError.code,
        licensing_errors.EntitlementRevokedError.code,
        licensing_errors.EntitlementOverError.code,
        licensing_errors.NotLeasedError.code,
        licensing_errors.LicenceNotFoundError.code,
        licensing_errors.KeyCommitmentError.code,
        distribution_errors.TorrentNotFoundError.code,
    ],
)
def test_every_code_is_explained(code: str) -> None:
    assert f"`{code}`" in TEXT.split("### 4.1")[1].split("### 4.2")[0]


def test_every_kind_of_event_and_state_of_a_download_is_named() -> None:
    events = set(re.findall(r'\| `\{"kind": "([a-z.]+)"', TEXT))

    assert events == {*FOR_SEEDERS, "device.removed"}
    assert all(f"`{state}`" in TEXT for state in STATES)


def test_the_trackers_numbers_are_those_of_the_code() -> None:
    section = TEXT.split("## 6 ")[1]

    assert f"{DEFAULT_NUMWANT} unless given, at most {MAX_NUMWANT}" in section
    assert f"at most {MAX_QUERY} bytes" in section
    assert (tracker.INTERVAL, tracker.LONELY_INTERVAL) == (600, 60)
    assert f"after {LIFETIME / 60:.0f} minutes of silence" in section
    assert (PEERS_PER_MEMBER, REMEMBER) == (3, 30.0)


@pytest.mark.django_db
def test_the_shop_document_has_the_members_that_are_told(client: Client) -> None:
    example = re.search(r"```json\n(\{\n  \"name\".*?)```", TEXT, re.DOTALL)
    assert example is not None

    told = set(json.loads(example[1]))

    assert set(client.get("/.well-known/geobuk.json").json()) == told
