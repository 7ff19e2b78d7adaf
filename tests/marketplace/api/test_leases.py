"""POST /licences/{id}/lease over HTTP, as a seeder asks."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from drm.lease import verify_lease
from marketplace.licensing.models import Entitlement, Lease, Licence
from marketplace.packaging import services as packaging
from tests.marketplace.api.calling import NONCE, World, call, device_of, make_world

pytestmark = pytest.mark.django_db

ASK = {"nonce": NONCE, "counter": 0, "first_play": None, "plays": 0}


@pytest.fixture
def world() -> World:
    return make_world(rent=True)


def _ask(world: World, **changes: Any) -> Any:
    path = f"/api/v1/licences/{world.leased}/lease"
    return call(world.desk, "POST", path, body={**ASK, **changes})


def _rental() -> Entitlement:
    return Entitlement.objects.get(kind="rental")


def test_a_seeder_gets_its_lease_and_reports(world: World) -> None:
    first = _ask(world).json()
    begun = int(timezone.now().timestamp()) // 60 * 60
    second = _ask(world, counter=1, first_play=begun, plays=1).json()

    licence = Licence.objects.get(pk=world.leased)
    leases = [
        verify_lease(
            answer["lease"],
            issuer_public=packaging.issuer().key.public,
            licence=licence.jws,
            device=device_of(world.desk).thumbprint,
            nonce=NONCE,
        )
        for answer in (first, second)
    ]
    assert [set(answer) for answer in (first, second)] == [{"lease"}, {"lease"}]
    assert [lease.counter for lease in leases] == [1, 2]
    began = leases[1].first_play
    assert began is not None
    # No earlier than the purchase, which was within this minute.
    assert abs(began.timestamp() - begun) <= 60
    assert _rental().plays_used == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"nonce": "short"},
        {"nonce": "x" * 129},
        {"nonce": None},
        {"counter": -1},
        {"counter": 2**48},
        {"counter": "one"},
        {"plays": -1},
        {"plays": 10_001},
        {"first_play": -1},
        {"first_play": 2**37},
        {"first_play": "yesterday"},
    ],
)
def test_what_cannot_be_read_is_refused(world: World, changes: dict[str, Any]) -> None:
    answer = _ask(world, **changes)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert Lease.objects.count() == 0


def test_a_rental_that_is_over_is_expired_and_its_report_is_kept(world: World) -> None:
    _ask(world)
    Entitlement.objects.filter(kind="rental").update(expires_at=timezone.now())

    answer = _ask(world, counter=1, plays=2)

    assert (answer.status_code, answer.json()["code"]) == (403, "expired")
    assert _rental().plays_used == 2
    package = _rental().package_id
    for path in ("manifest", "torrent"):
        asked = call(world.desk, "GET", f"/api/v1/packages/{package}/{path}")
        assert (asked.status_code, asked.json()["code"]) == (403, "expired")
    [item] = [
        item
        for item in call(world.desk, "GET", "/api/v1/library").json()["items"]
        if item["kind"] == "rental"
    ]
    assert item["state"] == "expired"


def test_a_purchase_needs_no_lease(world: World) -> None:
    answer = call(world.desk, "POST", f"/api/v1/licences/{world.licence}/lease", body=ASK)

    assert (answer.status_code, answer.json()["code"]) == (409, "not_leased")


def test_the_library_tells_kind_rights_and_end(world: World) -> None:
    items = call(world.desk, "GET", "/api/v1/library").json()["items"]
    told = {item["kind"]: item for item in items}

    assert told["purchase"]["rights"] == {"play": True, "save": False}
    assert told["purchase"]["expires"] is None
    assert told["rental"]["rights"]["play_window"] == 48 * 3_600
    must_begin = dt.datetime.fromisoformat(told["rental"]["expires"])
    assert abs(must_begin - timezone.now() - dt.timedelta(days=30)) < dt.timedelta(minutes=5)


def test_a_copy_is_told_to_the_owners_devices(world: World) -> None:
    def suspected() -> list[bool]:
        answer = call(world.desk, "GET", "/api/v1/devices").json()
        return [device["copies_suspected"] for device in answer["devices"]]

    assert suspected() == [False]
    for counter in (0, 1, 1, 3):  # one answer was lost
        assert _ask(world, counter=counter).status_code == 200

    assert suspected() == [False]
    assert _ask(world, counter=0).status_code == 200
    assert suspected() == [True]
