"""The courier: posts events to their endpoints, and again later where that failed."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import logging
from typing import Any
from urllib.parse import urlsplit

from marketplace.sandbox.stripe_emulator.events import event_body, sign
from marketplace.sandbox.stripe_emulator.jobs import run_due_jobs
from marketplace.sandbox.stripe_emulator.store import Delivery
from marketplace.sandbox.stripe_emulator.world import World

__all__ = ["Courier"]

logger = logging.getLogger(__name__)

TIMEOUT = 20.0  # seconds for one attempt
LONGEST_PAUSE = 60.0  # seconds between two attempts
MOST_ATTEMPTS = 60
AT_ONCE = 4
TICK = 0.5  # seconds; timed jobs are at most so late


class Courier:
    """Delivers what is due, until cancelled. Like Stripe it promises no order."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._news = asyncio.Event()
        self._under_way: dict[int, asyncio.Task[int | None]] = {}
        world.wake = self._news.set

    async def run(self) -> None:
        while True:
            self._news.clear()
            run_due_jobs(self._world)
            self._start_due()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), timeout=TICK)

    async def stop(self) -> None:
        """Give attempts that are under way up; they are due again after a restart."""
        for task in list(self._under_way.values()):
            task.cancel()
        await asyncio.gather(*self._under_way.values(), return_exceptions=True)

    def _start_due(self) -> None:
        now = self._world.now()
        for delivery in self._world.store.deliveries(state="waiting"):
            if len(self._under_way) >= AT_ONCE:
                return
            if delivery.due <= now and delivery.id not in self._under_way:
                self._start(delivery)

    def _start(self, delivery: Delivery) -> None:
        task = asyncio.create_task(self.attempt(delivery))
        self._under_way[delivery.id] = task
        task.add_done_callback(lambda _: self._finished(delivery.id))

    def _finished(self, delivery_id: int) -> None:
        self._under_way.pop(delivery_id, None)
        self._news.set()

    async def attempt(self, delivery: Delivery) -> int | None:
        """Post once, and record what came of it. Returns the status, None for no connection."""
        endpoint = self._world.store.get(delivery.endpoint)
        if endpoint is None:  # deleted meanwhile
            self._record(delivery, None, dropped=True)
            return None
        body = event_body(self._world, delivery.event)
        # Signed anew each time, with the receiver's clock in mind: the real one.
        signature = sign(body, secret=endpoint["_secret"], timestamp=int(self._world.clock()))
        status = await asyncio.to_thread(_post, endpoint["url"], body, signature)
        self._record(delivery, status)
        return status

    def _record(self, delivery: Delivery, status: int | None, *, dropped: bool = False) -> None:
        attempts = delivery.attempts + 1
        pause = min(self._world.retry_base * 2 ** min(delivery.attempts, 16), LONGEST_PAUSE)
        if dropped:
            state = "dropped"
        elif status is not None and 200 <= status < 300:
            state = "delivered"
        else:
            state = "waiting" if attempts < MOST_ATTEMPTS else "failed"
            logger.info("delivery %s: %s, again in %.1f s", delivery.id, status, pause)
        self._world.store.update_delivery(
            delivery.id,
            state=state,
            attempts=attempts,
            due=self._world.now() + pause,
            last_status=status,
        )


def _post(url: str, body: bytes, signature: str) -> int | None:
    parts = urlsplit(url)
    connection_type: Any = (
        http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    )
    connection = connection_type(parts.hostname, parts.port, timeout=TIMEOUT)
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "Stripe-Signature": signature,
        "User-Agent": "Stripe/1.0 (emulator)",
    }
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request("POST", target, body=body, headers=headers)
        response = connection.getresponse()
        response.read()
        status: int = response.status
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return status
