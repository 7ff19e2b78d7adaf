from __future__ import annotations

import hashlib
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from drm.licence import open_licence
from drm.manifest import open_details, read_manifest
from drm.status import verify_status
from marketplace.distribution.models import DeviceDownload
from marketplace.distribution.services import set_closed
from marketplace.licensing import services as licensing
from marketplace.packaging import services as packaging
from seeder.library import parse_library
from seeder.shops import parse_shop
from seeder.torrents import read_metainfo
from tests.marketplace.api.calling import NONCE, World, call, device_of, make_world
from tests.marketplace.trade import FLAC

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def test_me(world: World) -> None:
    device = device_of(world.desk)

    assert call(world.desk, "GET", "/api/v1/me").json() == {
        "user": {"email": "ada@example.org", "name": ""},
        "device": {"id": str(device.pk), "name": device.name, "thumbprint": device.thumbprint},
    }


def test_the_library_reads_as_the_seeder_reads_it(world: World) -> None:
    answer = call(world.desk, "GET", "/api/v1/library").json()

    [item] = parse_library(answer)
    assert (item.title, item.seller, item.package) == ("밤의 노래", "달빛 스튜디오", world.package)
    assert (item.active, item.version, item.may_save, item.cover_url) == (True, 1, False, "")
    assert [(f.index, f.name, f.media_type, f.size) for f in item.files] == [
        (0, "song.flac", "audio/flac", len(FLAC))
    ]
    assert item.size == packaging.manifest(world.package).size


def test_the_manifest_is_the_bytes_that_name_the_package(world: World) -> None:
    answer = call(world.desk, "GET", f"/api/v1/packages/{world.package}/manifest")

    assert hashlib.sha256(answer.content).hexdigest() == world.package
    assert answer["Content-Type"] == "application/jose; charset=us-ascii"


def test_the_torrent_is_that_of_the_swarm_and_in_an_open_one_this_devices(world: World) -> None:
    address = f"/api/v1/packages/{world.package}/torrent"
    closed = call(world.desk, "GET", address)
    set_closed(package_id=world.package, closed=False, now=timezone.now())
    opened = call(world.desk, "GET", address)

    assert closed["Content-Type"] == opened["Content-Type"] == "application/x-bittorrent"
    first, second = read_metainfo(closed.content), read_metainfo(opened.content)
    assert first.name == second.name == world.package
    assert (first.closed, first.announce) == (True, None)
    assert not second.closed
    assert second.announce is not None


def test_the_licence_opens_what_was_downloaded(world: World) -> None:
    jws = call(world.desk, "GET", f"/api/v1/packages/{world.package}/manifest").content
    answer = call(world.desk, "POST", f"/api/v1/packages/{world.package}/licence").json()

    public = packaging.issuer().key.public
    manifest = read_manifest(jws, issuer_public=public)
    opened = open_licence(
        answer["licence"],
        issuer_public=public,
        identity=world.desk.identity.public,
        sealing_key=world.desk.sealing,
        package_id=world.package,
        manifest=manifest,
        now=timezone.now(),
        action="play",
    )
    [entry] = open_details(manifest, opened.content_key)
    assert (entry.name, entry.size) == ("song.flac", len(FLAC))
    assert answer["id"] == world.licence == opened.claims.licence_id


def _status(world: World) -> str:
    answer = call(world.desk, "GET", f"/api/v1/licences/{world.licence}/status?nonce={NONCE}")
    status = verify_status(
        answer.json()["status"],
        issuer_public=packaging.issuer().key.public,
        licence_id=world.licence,
        nonce=NONCE,
        now=timezone.now(),
    )
    return status.status


def test_after_a_refund_the_status_says_so_and_nothing_is_given_out(world: World) -> None:
    before = _status(world)
    licensing.revoke(order_id=world.order_id, cause="refund:1", now=timezone.now())

    assert (before, _status(world)) == ("active", "revoked")
    for method, name in [("GET", "manifest"), ("GET", "torrent"), ("POST", "licence")]:
        answer = call(world.desk, method, f"/api/v1/packages/{world.package}/{name}")
        assert (answer.status_code, answer.json()["code"]) == (403, "revoked")
        assert "refunded" in answer.json()["message"]
    [item] = call(world.desk, "GET", "/api/v1/library").json()["items"]
    assert item["state"] == "revoked"


def _report(world: World, **changes: Any) -> dict[str, Any]:
    item = {
        "package": world.package,
        "state": "downloading",
        "done": 10,
        "total": 20,
        "down_rate": 5,
        "up_rate": 0,
        "uploaded": 0,
        "peers": 1,
        **changes,
    }
    return {"items": [item]}


def test_progress_is_kept(world: World) -> None:
    answer = call(world.desk, "PUT", "/api/v1/progress", body=_report(world))

    assert (answer.status_code, answer.json()) == (200, {"kept": 1})
    row = DeviceDownload.objects.get()
    assert (row.package_id, row.done_bytes, row.total_bytes) == (world.package, 10, 20)


@pytest.mark.parametrize(
    "changes",
    [
        {"package": "../../etc"},
        {"package": "A" * 64},
        {"package": "a" * 64 + "\n"},
        {"state": "flying"},
        {"done": -1},
        {"total": 2**63},
        {"peers": 2**31},
        {"done": "many"},
        {"done": 1.5},
        {"done": None},
    ],
    ids=str,
)
def test_odd_progress_is_refused_whole(world: World, changes: dict[str, Any]) -> None:
    answer = call(world.desk, "PUT", "/api/v1/progress", body=_report(world, **changes))

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert DeviceDownload.objects.count() == 0


@pytest.mark.parametrize("body", ["", "{", "[]", '{"items": 3}', "null", '{"items": [null]}'])
def test_a_body_that_is_no_report_is_a_sentence(world: World, body: str) -> None:
    answer = call(world.desk, "PUT", "/api/v1/progress", body=body or " ")

    assert answer.status_code in {400, 422}
    assert answer.json()["code"] == "invalid"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/packages/short/manifest", 422),
        ("/api/v1/packages/" + "0" * 64 + "/manifest", 404),
        ("/api/v1/licences/nonsense/status?nonce=" + NONCE, 422),
        ("/api/v1/licences/{licence}/status", 422),
        ("/api/v1/licences/{licence}/status?nonce=short", 422),
        ("/api/v1/licences/{licence}/status?nonce=" + "a" * 129, 422),
        ("/api/v1/licences/{licence}/status?nonce=0123456789abcde%22", 422),
        ("/api/v1/nowhere", 404),
        ("/api/v2/me", 404),
    ],
)
def test_odd_addresses_are_a_sentence(world: World, path: str, status: int) -> None:
    answer = call(world.desk, "GET", world.path(path))

    assert answer.status_code == status
    assert set(answer.json()) == {"code", "message"}


def test_logging_out_removes_the_device(world: World) -> None:
    answer = call(world.desk, "DELETE", "/api/v1/device")

    assert (answer.status_code, answer.content) == (204, b"")
    assert device_of(world.desk).removed_at is not None


def test_the_shop_document_is_one_that_seeders_trust() -> None:
    answer = Client().get("/.well-known/geobuk.json", headers={"Host": "127.0.0.1"})

    shop = parse_shop(answer.json(), site="http://127.0.0.1:8000")
    assert shop.name == "Geobuk"
    assert shop.websocket == "ws://127.0.0.1:8000/ws/seeder/"
    assert shop.certified()
    assert shop.issuers == (packaging.issuer().certificate,)


def test_the_api_describes_itself(client: Client) -> None:
    schema = client.get("/api/v1/openapi.json").json()
    page = client.get("/api/v1/docs")

    assert schema["components"]["securitySchemes"]["SeederAuth"]["scheme"] == "DPoP"
    assert page.status_code == 200
    # Its scripts are our own files: the policy of the site forbids others.
    assert b"https://cdn" not in page.content
