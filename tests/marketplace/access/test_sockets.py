"""The addresses beside Django: sockets and uploads."""

from __future__ import annotations

import logging

import pytest
from asgiref.sync import sync_to_async

from marketplace.config.asgi import application
from tests.marketplace.access.places import PEOPLE, make_trade
from tests.marketplace.packaging.tus_client import TusClient, cookie_of
from tests.marketplace.sockets import Socket

pytestmark = pytest.mark.django_db(transaction=True)
ORIGIN = [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1")]
FOREIGN = [(b"host", b"127.0.0.1"), (b"origin", b"https://evil.example")]


@pytest.mark.parametrize(
    ("path", "headers", "code"),
    [
        ("/ws/user/", ORIGIN, 4401),
        ("/ws/user/", FOREIGN, 1000),
        ("/ws/user/", [], 1000),
        ("/ws/seeder/", ORIGIN, 4401),
        ("/ws/elsewhere/", ORIGIN, 4404),
        ("/", ORIGIN, 4404),
        ("/announce/" + "a" * 43, ORIGIN, 4404),
    ],
)
async def test_no_socket_opens_for_a_stranger(
    path: str,
    headers: list[tuple[bytes, bytes]],
    code: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    socket = Socket(application, path, headers=headers)

    assert await socket.connect() == code
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


UPLOAD = {
    #           nobody  ada  eve seller rival operator
    "HEAD": (401, 404, 404, 200, 404, 404),
    "PATCH": (401, 404, 404, 409, 404, 404),
    "DELETE": (401, 404, 404, 204, 404, 404),
}


@pytest.mark.parametrize("method", UPLOAD)
async def test_an_upload_is_its_sellers_alone(method: str) -> None:
    trade = await sync_to_async(make_trade)()
    found = {}

    for who in sorted(PEOPLE, key="seller".__eq__):
        cookie = None if who == "nobody" else await sync_to_async(cookie_of)(trade.people[who])
        answer = await TusClient(cookie).ask(
            method,
            trade.path("/uploads/{upload}"),
            content_type="application/offset+octet-stream",
            upload_offset="0",
        )
        found[who] = answer.status

    assert found == dict(zip(PEOPLE, UPLOAD[method], strict=True))
