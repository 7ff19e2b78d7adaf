from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from channels.layers import get_channel_layer
from django.contrib.auth.models import AnonymousUser
from django.db import transaction

from marketplace.accounts.models import User
from marketplace.messaging.consumers import UserConsumer
from marketplace.messaging.models import Event
from marketplace.messaging.relay import Relay
from marketplace.messaging.services import publish, user_group
from tests.marketplace.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)


async def _listen(group: str) -> tuple[Any, str]:
    layer = get_channel_layer()
    assert layer is not None
    name = await layer.new_channel()
    await layer.group_add(group, name)
    return layer, name


async def test_an_event_reaches_its_group_once() -> None:
    layer, channel = await _listen("user.a")
    relay = Relay()

    await sync_to_async(publish)(group="user.a", kind="library.changed", payload={"n": 1})
    first = await relay.relay_once()
    second = await relay.relay_once()

    assert (first, second) == (1, 0)
    message = await layer.receive(channel)
    assert message == {"type": "relay.event", "kind": "library.changed", "payload": {"n": 1}}


async def test_what_was_rolled_back_is_never_told() -> None:
    await _listen("user.b")
    relay = Relay()

    @sync_to_async
    def roll_back() -> None:
        with transaction.atomic():
            publish(group="user.b", kind="order.changed", payload={})
            transaction.set_rollback(True)

    await roll_back()

    assert await relay.relay_once() == 0


async def test_an_event_that_commits_late_behind_a_newer_one_is_not_lost() -> None:
    layer, channel = await _listen("user.c")
    relay = Relay()
    await sync_to_async(Event.objects.create)(id=10, group="user.c", kind="new", payload={})
    assert await relay.relay_once() == 1

    await sync_to_async(Event.objects.create)(id=9, group="user.c", kind="late", payload={})

    assert await relay.relay_once() == 1
    kinds = [(await layer.receive(channel))["kind"] for _ in range(2)]
    assert kinds == ["new", "late"]


async def test_a_relay_that_starts_tells_only_what_is_new() -> None:
    await sync_to_async(publish)(group="user.d", kind="old", payload={})
    layer, channel = await _listen("user.d")

    task = asyncio.create_task(Relay().run())
    await asyncio.sleep(0.3)
    await sync_to_async(publish)(group="user.d", kind="new", payload={})
    message = await asyncio.wait_for(layer.receive(channel), 5)
    task.cancel()

    assert message["kind"] == "new"


async def test_a_page_gets_the_events_of_its_own_user() -> None:
    user = User(id=uuid.uuid4(), email="ada@example.org")
    socket = Socket(UserConsumer.as_asgi(), "/ws/user/", user=user)
    assert await socket.connect() is None
    await socket.send("what a page says is dropped, also where it is no JSON")

    layer = get_channel_layer()
    assert layer is not None
    message = {"type": "relay.event", "kind": "library.changed", "payload": {}}
    await layer.group_send(user_group(user.pk), message)

    assert await socket.receive() == {"kind": "library.changed", "payload": {}}
    await socket.disconnect()


async def test_a_page_without_a_user_is_turned_away() -> None:
    socket = Socket(UserConsumer.as_asgi(), "/ws/user/", user=AnonymousUser())

    assert await socket.connect() == 4401
