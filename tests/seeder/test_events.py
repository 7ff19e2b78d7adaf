"""The event socket and what a shop, or somebody in its place, may make it do."""

from __future__ import annotations

import dataclasses
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.daemon import WebSocketEvents


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """A port that gives every caller `answer`, and what the callers sent."""
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    caller, _address = server.accept()
                except OSError:
                    return
                with caller:
                    heard.append(caller.recv(65536))
                    caller.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1], heard
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "308 Permanent"])
def test_the_handshake_follows_no_redirect(seat: Seat, status: str) -> None:
    stop = threading.Event()
    heard: list[str] = []

    def listen_once(kind: str) -> None:
        heard.append(kind)
        stop.set()

    with answering(b"HTTP/1.1 400 Bad\r\nContent-Length: 0\r\n\r\n") as (elsewhere, received):
        location = f"Location: ws://127.0.0.1:{elsewhere}/ws/seeder/"
        redirect = f"HTTP/1.1 {status}\r\n{location}\r\nContent-Length: 0\r\n\r\n".encode()
        with answering(redirect) as (port, asked):
            shop = dataclasses.replace(seat.shop, websocket=f"ws://127.0.0.1:{port}/ws/seeder/")
            with ShopClient(shop, seat.folder, seat.device) as client:
                WebSocketEvents(client).listen(listen_once, stop)

    assert b"DPoP" in asked[0]
    assert (heard, received) == (["deaf"], [])
