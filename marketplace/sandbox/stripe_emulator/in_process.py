"""The emulator without a socket: the SDK's requests go straight into a world.

For proofs of many thousand steps; what goes over HTTP is proven elsewhere.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import stripe

from marketplace.sandbox.stripe_emulator.api import ApiRequest, answer
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["InProcessClient"]


class InProcessClient(stripe.HTTPClient):
    """What the SDK takes as its HTTP client; `world` answers, one request at a time."""

    name = "in-process"

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self._turn = threading.Lock()

    def request(
        self,
        method: str,
        url: str,
        headers: Mapping[str, str] | None,
        post_data: Any = None,
        *,
        _usage: list[str] | None = None,
    ) -> tuple[str, int, Mapping[str, str]]:
        """The answer's body, status and headers."""
        there = urlsplit(url)
        call = ApiRequest(
            method=method.upper(),
            path=there.path,
            query=there.query,
            headers={name.lower(): value for name, value in (headers or {}).items()},
            body=post_data or "",
        )
        with self._turn:
            reply = answer(self.world, call)
        return reply.body, reply.status, reply.headers

    def _sleep_time_seconds(self, num_retries: int) -> float:
        return 0.0  # nothing gets better by waiting in one process

    def close(self) -> None:
        """There is no connection to close."""
