"""A BitTorrent client's side of the tracker, straight onto its ASGI application."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import Any
from urllib.parse import quote_from_bytes

from marketplace.distribution.access import Membership
from marketplace.distribution.swarm import Swarms
from marketplace.distribution.tracker import Tracker
from seeder.bencode import bdecode

__all__ = ["HASH", "Clock", "House", "ask", "peers_of", "query"]

HASH = bytes(range(236, 256))  # with bytes that are no text: 0xEC … 0xFF


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class House:
    """A tracker with members that the test lets in, and a clock that the test moves."""

    def __init__(self, **parts: Any) -> None:
        self.clock = Clock()
        self.members: dict[str, Membership | Exception] = {}
        self.asked: list[str] = []
        self.questions = 0
        self.tracker = Tracker(look_up=self._look_up, swarms=Swarms(), clock=self.clock, **parts)

    def let_in(self, name: str, *, user: str = "", info_hash: bytes = HASH) -> str:
        """The token of a device called `name`; of a user of its own where none is named."""
        token = name.ljust(43, "_")
        self.members[token] = Membership(info_hash, user or name)
        return token

    async def _look_up(self, tokens: Collection[str]) -> dict[str, Membership]:
        self.asked += tokens
        self.questions += 1
        found = {}
        for token in tokens:
            answer = self.members.get(token)
            if isinstance(answer, Exception):
                raise answer
            if answer is not None:
                found[token] = answer
        return found

    async def announce(self, token: str, *, host: str = "198.51.100.1", **fields: Any) -> Any:
        status, body = await ask(self.tracker, f"/announce/{token}", query(**fields), host=host)
        assert status == 200
        return bdecode(body)

    async def scrape(self, token: str, *hashes: bytes) -> Any:
        text = "&".join(f"info_hash={quote_from_bytes(value, safe='')}" for value in hashes)
        status, body = await ask(self.tracker, f"/scrape/{token}", text.encode())
        assert status == 200
        return bdecode(body)


def query(**changes: Any) -> bytes:
    """The query of an announce as libtorrent writes it; None leaves a field out."""
    fields: dict[str, Any] = {
        "info_hash": HASH,
        "peer_id": b"-LT2110-abcdefghijkl",
        "port": 6881,
        "uploaded": 0,
        "downloaded": 0,
        "left": 0,
        "compact": 1,
        "no_peer_id": 1,
        "supportcrypto": 1,
        **changes,
    }
    return "&".join(
        f"{name}={quote_from_bytes(value) if isinstance(value, bytes) else value}"
        for name, value in fields.items()
        if value is not None
    ).encode()


async def ask(
    application: Any,
    path: str,
    query_string: bytes,
    *,
    host: str | None = "198.51.100.1",
    method: str = "GET",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> tuple[int, bytes]:
    """One HTTP request onto an ASGI application: status and body."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query_string,
        "headers": list(headers),
        "client": None if host is None else (host, 50000),
    }
    await application(scope, receive, send)
    start, body = sent
    return int(start["status"]), bytes(body["body"])


def peers_of(answer: Any) -> set[str]:
    """The peers of a compact answer as "address:port"."""
    found = set()
    for field, width in [(b"peers", 4), (b"peers6", 16)]:
        data = answer.get(field, b"")
        for at in range(0, len(data), width + 2):
            host = ipaddress.ip_address(data[at : at + width])
            port = int.from_bytes(data[at + width : at + width + 2], "big")
            found.add(f"{host}:{port}" if width == 4 else f"[{host}]:{port}")
    return found
