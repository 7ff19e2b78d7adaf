"""Thousands of seeders' WebSockets that listen and answer pings, from one thread.

A client library keeps more of each connection than the server does; here it is a socket,
its handshake (RFC 6455, section 4.1), and a pong for each ping (section 5.5.3).
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import os
import selectors
import socket
import threading
from collections.abc import Iterator

from benchmarks.swarm_shop import Member
from drm.keys import IdentityKey
from drm.proof import create_proof

__all__ = ["IdleSockets"]

PATH = "/ws/seeder/"
_PING, _PONG = 0x89, 0x8A
_AT_ONCE = 32  # handshakes that are open at the same time


class IdleSockets:
    """The sockets of `members` at 127.0.0.1:`port`, for a block."""

    def __init__(self, port: int, members: list[Member]) -> None:
        self._port = port
        self._members = members
        self._selector = selectors.DefaultSelector()
        self._open: list[socket.socket] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self.pings = 0
        self.closed = 0

    def __enter__(self) -> IdleSockets:
        self._thread.start()
        for at in range(0, len(self._members), _AT_ONCE):
            begun = [self._begin(member) for member in self._members[at : at + _AT_ONCE]]
            for connection in begun:
                self._finish(connection)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        for connection in self._open:
            connection.close()

    def _begin(self, member: Member) -> socket.socket:
        """Ask for a WebSocket, as the device that owns the key (RFC 9449)."""
        url = f"http://127.0.0.1:{self._port}{PATH}"
        proof = create_proof(
            IdentityKey.from_bytes(bytes.fromhex(member.key)),
            method="GET",
            url=url,
            now=dt.datetime.now(dt.UTC),
            access_token=member.access,
        )
        lines = [
            f"GET {PATH} HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {base64.b64encode(os.urandom(16)).decode()}",
            "Sec-WebSocket-Version: 13",
            f"Authorization: DPoP {member.access}",
            f"DPoP: {proof}",
        ]
        connection = socket.create_connection(("127.0.0.1", self._port), 120)
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        return connection

    def _finish(self, connection: socket.socket) -> None:
        answer = b""
        while b"\r\n\r\n" not in answer:
            if not (more := connection.recv(4096)):
                break
            answer += more
        if not answer.startswith(b"HTTP/1.1 101"):
            raise RuntimeError(f"the shop opens no WebSocket: {answer[:300]!r}")
        connection.setblocking(False)
        self._open.append(connection)
        self._selector.register(connection, selectors.EVENT_READ)

    def _listen(self) -> None:
        while not self._stop.is_set():
            for key, _events in self._selector.select(0.2):
                connection = key.fileobj
                if isinstance(connection, socket.socket):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data = connection.recv(65536)
            if data:
                for payload in _pings(data):
                    self.pings += 1
                    # A client masks what it says; with a mask of zeros the bytes stay as they are.
                    connection.sendall(bytes([_PONG, 0x80 | len(payload)]) + bytes(4) + payload)
                return
        self.closed += 1
        self._selector.unregister(connection)


def _pings(data: bytes) -> Iterator[bytes]:
    """The payloads of the pings in whole short frames; what else the server says is passed over."""
    at = 0
    while at + 2 <= len(data):
        size = data[at + 1] & 0x7F
        if data[at] == _PING:
            yield data[at + 2 : at + 2 + size]
        at += 2 + size
