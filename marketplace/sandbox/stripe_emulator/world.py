"""What every part of the emulator shares: the store, the clock, and who is asking."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import stripe

from marketplace.sandbox.stripe_emulator.errors import missing_resource
from marketplace.sandbox.stripe_emulator.store import Store

__all__ = ["World"]


@dataclass
class World:
    """`clock` gives real seconds since 1970; the emulator's own time may run ahead of it."""

    store: Store
    base_url: str
    clock: Callable[[], float]
    settle_after: float  # seconds until an asynchronous payment or refund settles
    retry_base: float  # seconds until the first redelivery of an event
    request_id: str | None = None
    idempotency_key: str | None = None
    account: str = ""  # the connected account that a call acts for; "" is the platform
    api_version: str = stripe.api_version
    wake: Callable[[], None] = field(default=lambda: None)  # there is something to deliver

    def now(self) -> float:
        offset: float = self.store.setting("clock_offset", 0)
        return self.clock() + offset

    def seconds(self) -> int:
        return int(self.now())

    def new_id(self, prefix: str) -> str:
        return prefix + secrets.token_hex(12)

    def get(self, object_id: str, kind: str, *, param: str | None = None) -> dict[str, Any]:
        """The object, or Stripe's error for a missing one."""
        found = self.store.get(object_id)
        if found is None or found["object"] != kind:
            raise missing_resource(kind, object_id, param=param)
        return found
