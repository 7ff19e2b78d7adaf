"""Every route of the API, for everyone who might call it."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from drm.keys import IdentityKey
from marketplace.accounts import services as accounts
from marketplace.api.v1 import api
from marketplace.distribution.models import AnnounceToken, DeviceDownload
from marketplace.licensing.models import Licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.api.calling import ROUTES, World, call, device_of, make_world

pytestmark = pytest.mark.django_db

# What is for everybody, and asks nobody who they are.
PUBLIC = {("GET", "/api/v1/audit/head")}
OF_ADA = [route for route in ROUTES if "{" in route[1]]
CODES = {
    "licences": "licence_not_found",
    "devices": "device_not_found",
    "handovers": "handover_not_found",
}
each_route = pytest.mark.parametrize(("method", "path"), ROUTES)


@pytest.fixture
def world() -> World:
    return make_world(rent=True)


def _refused(answer: object, status: int, code: str) -> None:
    body = answer.json()  # type: ignore[attr-defined]
    assert (answer.status_code, body["code"]) == (status, code)  # type: ignore[attr-defined]
    assert set(body) == {"code", "message"}
    assert body["message"].endswith(".")
    assert "no-store" in answer["Cache-Control"]  # type: ignore[index]


def test_the_list_of_routes_is_whole() -> None:
    known = {(m, re.sub(r"\{\w+\}", "{}", p.partition("?")[0])) for m, p in ROUTES}

    schema = api.get_openapi_schema()["paths"]

    routes = {
        (method.upper(), re.sub(r"\{\w+\}", "{}", path))
        for path, methods in schema.items()
        for method in methods
    }
    assert routes == known | PUBLIC


@each_route
def test_the_owner_is_answered(world: World, method: str, path: str) -> None:
    answer = call(world.desk, method, world.path(path))

    assert answer.status_code == (204 if method == "DELETE" else 200), answer.content
    assert "no-store" in answer["Cache-Control"]


@pytest.mark.parametrize("who", ["thief", "shop"])
@pytest.mark.parametrize(("method", "path"), OF_ADA)
def test_another_buyer_and_the_seller_find_nothing(
    world: World, method: str, path: str, who: str
) -> None:
    before = (Licence.objects.count(), AnnounceToken.objects.count())

    answer = call(getattr(world, who), method, world.path(path))

    _refused(answer, 404, CODES.get(path.split("/")[3], "entitlement_not_found"))
    assert (Licence.objects.count(), AnnounceToken.objects.count()) == before


@pytest.mark.parametrize("who", ["thief", "shop"])
def test_another_user_sees_only_their_own(world: World, who: str) -> None:
    seeder = getattr(world, who)
    report = {"package": world.package, "state": "seeding", "done": 1, "total": 1}

    library = call(seeder, "GET", "/api/v1/library").json()["items"]
    kept = call(seeder, "PUT", "/api/v1/progress", body={"items": [report]}).json()
    me = call(seeder, "GET", "/api/v1/me").json()

    assert world.package not in {item["package"] for item in library}
    assert (kept, DeviceDownload.objects.count()) == ({"kept": 0}, 0)
    assert me["user"]["email"] != world.ada.email


@each_route
def test_nobody_is_told_to_log_in(world: World, method: str, path: str) -> None:
    answer = call(world.desk, method, world.path(path), headers={})

    _refused(answer, 401, "invalid_token")
    assert answer["WWW-Authenticate"].startswith("DPoP ")


@each_route
def test_a_removed_device_is_told_so(world: World, method: str, path: str) -> None:
    device = device_of(world.desk)
    accounts.remove_device(user=world.ada, device_id=device.pk, now=timezone.now())

    _refused(call(world.desk, method, world.path(path)), 401, "device_removed")


@each_route
def test_a_stolen_token_without_its_key_is_worth_nothing(
    world: World, method: str, path: str
) -> None:
    bare = world.path(path).partition("?")[0]
    token = world.desk.access_token
    own_key = world.thief.proof(method, bare, token=token)
    of_another_call = world.desk.proof(method, "/api/v1/elsewhere", token=token)
    of_another_method = world.desk.proof("PATCH", bare, token=token)
    of_another_token = world.desk.proof(method, bare, token=world.thief.access_token)
    unbound = world.desk.proof(method, bare)
    forged = world.desk.proof(method, bare, token=token, key=IdentityKey.generate())

    for proof in [own_key, of_another_call, of_another_method, of_another_token, unbound, forged]:
        headers = {"Authorization": f"DPoP {token}", "DPoP": proof}
        _refused(call(world.desk, method, world.path(path), headers=headers), 401, "invalid_proof")


@each_route
def test_a_proof_is_good_for_one_call(world: World, method: str, path: str) -> None:
    headers = {
        "Authorization": f"DPoP {world.desk.access_token}",
        "DPoP": world.desk.proof(
            method, world.path(path).partition("?")[0], token=world.desk.access_token
        ),
    }
    spent = call(world.desk, method, world.path(path), headers=headers)

    answer = call(world.desk, method, world.path(path), headers=headers)

    assert spent.status_code < 300
    removed = method == "DELETE" and "/device" in path
    _refused(answer, 401, "device_removed" if removed else "invalid_proof")


@each_route
def test_a_bearer_and_a_browsers_session_count_for_nothing(
    world: World, method: str, path: str
) -> None:
    headers = {"Authorization": f"Bearer {world.desk.access_token}"}

    _refused(call(world.desk, method, world.path(path), headers=headers), 401, "invalid_token")


def test_a_licence_is_shown_to_no_other_device_of_its_owner(world: World) -> None:
    phone = FakeSeeder("phone")
    phone.log_in(world.ada)

    answer = call(phone, "GET", world.path(ROUTES[5][1]))

    _refused(answer, 404, "licence_not_found")
