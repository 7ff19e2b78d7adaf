from __future__ import annotations

import json
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.utils import timezone

from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.api.consumers import SeederConsumer
from marketplace.licensing import services as licensing
from marketplace.messaging.relay import Relay
from marketplace.messaging.services import publish, user_group
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.sockets import Socket
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)

PATH = "/ws/seeder/"


def _headers(seeder: FakeSeeder, **changes: str) -> list[tuple[bytes, bytes]]:
    proof = seeder.proof("GET", PATH, token=seeder.access_token)
    headers = {"authorization": f"DPoP {seeder.access_token}", "dpop": proof, **changes}
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _socket(seeder: FakeSeeder, **changes: str) -> Socket:
    return Socket(
        SeederConsumer.as_asgi(),
        PATH,
        headers=_headers(seeder, **changes),
        client=("203.0.113.7", 50000),
    )


@sync_to_async
def _log_in(name: str = "ada") -> tuple[User, FakeSeeder, Device]:
    user, seeder = make_person(name), FakeSeeder()
    return user, seeder, seeder.log_in(user)


async def test_a_seeder_hears_of_purchases_and_refunds() -> None:
    ada, seeder, _device = await _log_in()
    socket, relay, order = _socket(seeder), Relay(), uuid.uuid4()
    assert await socket.connect() is None

    entitlement = await sync_to_async(buy)(ada, await sync_to_async(sell)(), order_id=order)
    await relay.relay_once()
    bought = await socket.receive()
    await sync_to_async(licensing.revoke)(order_id=order, cause="refund:1", now=timezone.now())
    await relay.relay_once()
    refunded = [await socket.receive(), await socket.receive()]

    assert bought == {"kind": "library.changed"}
    assert refunded == [
        {"kind": "licence.revoked", "package": entitlement.package_id},
        {"kind": "library.changed"},
    ]
    await socket.disconnect()


async def test_a_seeder_hears_nothing_of_others_and_nothing_that_is_for_pages() -> None:
    ada, seeder, _device = await _log_in()
    eve = await sync_to_async(make_person)("eve")
    socket, relay = _socket(seeder), Relay()
    assert await socket.connect() is None

    await sync_to_async(publish)(group=user_group(eve.pk), kind="library.changed", payload={})
    await sync_to_async(publish)(
        group=user_group(ada.pk), kind="download.progress", payload={"device": "x"}
    )
    await relay.relay_once()

    assert await socket.silent()
    await socket.disconnect()


async def test_a_removed_device_is_told_and_closed_and_the_other_is_not() -> None:
    ada, desk, device = await _log_in()
    phone = FakeSeeder("phone")
    await sync_to_async(phone.log_in)(ada)
    relay, first, second = Relay(), _socket(desk), _socket(phone)
    assert await first.connect() is None
    assert await second.connect() is None

    await sync_to_async(accounts.remove_device)(user=ada, device_id=device.pk, now=timezone.now())
    await relay.relay_once()

    assert await first.receive() == {"kind": "device.removed"}
    assert await first.closed() == 4401
    assert await second.silent()
    await second.disconnect()


@pytest.mark.parametrize(
    "changes",
    [
        {"authorization": ""},
        {"authorization": "DPoP nonsense"},
        {"authorization": "Bearer x"},
        {"dpop": ""},
        {"dpop": "a.b.c"},
    ],
    ids=str,
)
async def test_without_token_or_proof_it_stays_shut(changes: dict[str, str]) -> None:
    _ada, seeder, _device = await _log_in()

    assert await _socket(seeder, **changes).connect() == 4401


async def test_a_stolen_token_or_a_removed_device_stays_out() -> None:
    ada, seeder, device = await _log_in()
    stolen = FakeSeeder().proof("GET", PATH, token=seeder.access_token)
    replayed = _headers(seeder)

    assert await _socket(seeder, dpop=stolen).connect() == 4401
    first = Socket(SeederConsumer.as_asgi(), PATH, headers=replayed)
    assert await first.connect() is None
    assert await Socket(SeederConsumer.as_asgi(), PATH, headers=replayed).connect() == 4401
    await sync_to_async(accounts.remove_device)(user=ada, device_id=device.pk, now=timezone.now())
    assert await _socket(seeder).connect() == 4401
    await first.disconnect()


async def test_the_handshake_is_refused_with_a_reason_where_the_server_can() -> None:
    _ada, seeder, _device = await _log_in()
    scope: dict[str, Any] = {
        "type": "websocket",
        "path": PATH,
        "query_string": b"",
        "headers": _headers(seeder, dpop="a.b.c"),
        "extensions": {"websocket.http.response": {}},
    }
    app = ApplicationCommunicator(SeederConsumer.as_asgi(), scope)
    await app.send_input({"type": "websocket.connect"})

    start, body = await app.receive_output(5), await app.receive_output(5)

    assert (start["type"], start["status"]) == ("websocket.http.response.start", 401)
    assert json.loads(body["body"])["code"] == "invalid_proof"
    await app.send_input({"type": "websocket.disconnect", "code": 1006})
    await app.wait(5)


async def test_what_a_seeder_says_is_dropped() -> None:
    ada, seeder, _device = await _log_in()
    socket, relay = _socket(seeder), Relay()
    assert await socket.connect() is None

    for text in ["not json", '{"kind": "library.changed"}', "[]"]:
        await socket.send(text)
    await sync_to_async(publish)(group=user_group(ada.pk), kind="library.changed", payload={})
    await relay.relay_once()

    assert await socket.receive() == {"kind": "library.changed"}
    await socket.disconnect()
