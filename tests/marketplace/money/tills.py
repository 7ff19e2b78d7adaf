"""Stripe as a schedule drives it: over HTTP to the emulator's process, or within this one."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from pathlib import Path
from typing import Any, Protocol

import stripe as sdk

from marketplace.sandbox.stripe_emulator import hosted
from marketplace.sandbox.stripe_emulator.delivery import Courier
from marketplace.sandbox.stripe_emulator.hooks import run_hook
from marketplace.sandbox.stripe_emulator.in_process import InProcessClient
from marketplace.sandbox.stripe_emulator.store import Store
from marketplace.sandbox.stripe_emulator.world import World
from tests.marketplace.stripe_fixtures import Emulator

__all__ = ["DirectTill", "HttpTill", "Till"]


_EVENTS = "/v1/events?limit=100"
_KEY = {"Authorization": "Bearer sk_test_tests"}


class Till(Protocol):
    """What a schedule does at Stripe: as a buyer, as a bank, at the dashboard."""

    @property
    def base(self) -> str: ...

    @property
    def sdk(self) -> sdk.StripeClient: ...

    def pay(self, session_id: str, card: str, method: str) -> None:
        """What a buyer types on the hosted page, and presses."""

    def events(self) -> list[dict[str, Any]]:
        """The newest hundred events, the newest first; none while Stripe fails."""

    def hook(self, lever: str, **data: Any) -> dict[str, Any]:
        """A lever of the emulator (hooks.py)."""


class HttpTill:
    """The emulator as a process of its own."""

    def __init__(self, emulator: Emulator) -> None:
        self.emulator = emulator
        self.base = emulator.base
        self.sdk = emulator.sdk

    def pay(self, session_id: str, card: str, method: str) -> None:
        self.emulator.pay(f"{self.base}/c/pay/{session_id}", card, method=method)

    def events(self) -> list[dict[str, Any]]:
        # As bytes, not as the SDK's objects: a hundred of those take longer than a checkout.
        answer = self.emulator.http.get(f"{self.base}{_EVENTS}", headers=_KEY)
        found: list[dict[str, Any]] = answer.json().get("data", [])
        return found

    def hook(self, lever: str, **data: Any) -> dict[str, Any]:
        return self.emulator.hook(lever, **data)


class DirectTill:
    """The emulator in this process, with a memory of its own that ends with it."""

    def __init__(self) -> None:
        self.base = f"http://{uuid.uuid4().hex}.emulator"
        self.world = World(
            store=Store(Path(":memory:")),
            base_url=self.base,
            clock=time.time,
            settle_after=10**9,
            retry_base=10**9,
        )
        self.courier = Courier(self.world)
        self.transport = InProcessClient(self.world)
        self.sdk = sdk.StripeClient(
            "sk_test_tests", base_addresses={"api": self.base}, http_client=self.transport
        )

    def pay(self, session_id: str, card: str, method: str) -> None:
        form = {"email": "ada@example.org", "method": method, "number": card}
        hosted.pay(self.world, session_id, {**form, "expiry": "12 / 34", "cvc": "123"})

    def events(self) -> list[dict[str, Any]]:
        body, _status, _headers = self.transport.request("GET", f"{self.base}{_EVENTS}", _KEY)
        found: list[dict[str, Any]] = json.loads(body).get("data", [])
        return found

    def hook(self, lever: str, **data: Any) -> dict[str, Any]:
        return asyncio.run(
            run_hook(self.world, self.courier, "POST", f"/_test/{lever}", dict(data))
        )

    def close(self) -> None:
        self.world.store.close()
