"""The Stripe emulator as a real process, and levers on it for tests."""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import stripe as sdk
from pytest_django import Settings

from marketplace.sandbox.stripe_emulator.events import sign

__all__ = ["Emulator", "stripe", "stripe_process"]

SECRET = "whsec_tests"
GOOD, DECLINED, POOR = "4242424242424242", "4000000000000002", "4000000000009995"
CHALLENGED, REFUND_PENDING, REFUND_FAILS = (
    "4000002500003155",
    "4000000000007726",
    "4000000000005126",
)


@dataclasses.dataclass
class Emulator:
    """One running emulator."""

    process: subprocess.Popen[bytes]
    base: str
    data: Path
    http: httpx.Client

    @functools.cached_property
    def sdk(self) -> sdk.StripeClient:
        """The SDK, pointed at this emulator."""
        return sdk.StripeClient(
            "sk_test_tests", base_addresses={"api": self.base, "files": self.base}
        )

    def hook(self, lever: str, *, method: str = "POST", **data: Any) -> dict[str, Any]:
        response = self.http.request(method, f"{self.base}/_test/{lever}", json=data)
        assert response.status_code == 200, response.text
        result: dict[str, Any] = response.json()
        return result

    def pay(
        self, url: str, card: str = GOOD, *, method: str = "card", **typed: str
    ) -> httpx.Response:
        """What a buyer types on the hosted page, and presses."""
        form = {"email": "ada@example.org", "method": method, "number": card, "expiry": "12 / 34"}
        return self.http.post(url, data={**form, "cvc": "123", **typed})

    def deliveries(self, object_id: str) -> list[dict[str, Any]]:
        found = self.hook("deliveries", method="GET")["deliveries"]
        return [delivery for delivery in found if delivery["object"] == object_id]

    def events(self, kind: str, **about: str) -> list[dict[str, Any]]:
        """The events of a type whose object has these fields, the oldest first."""
        listed = self.sdk.v1.events.list({"type": kind, "limit": 100}).auto_paging_iter()
        # As on the wire: the SDK itself makes decimals of what is text there.
        events = [json.loads(str(event)) for event in listed]
        return [
            event
            for event in reversed(events)
            if all(event["data"]["object"].get(name) == value for name, value in about.items())
        ]

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(10)
        self.http.close()

    def restarted(self) -> Emulator:
        """Stop, and start again with the same data on the same port."""
        self.stop()
        return start(self.data, port=int(self.base.rsplit(":", 1)[1]))


def signed(event: dict[str, Any], *, secret: str = SECRET, age: int = 0) -> dict[str, Any]:
    """Arguments for the Django client: the event's bytes, signed `age` seconds ago."""
    body = json.dumps(event).encode()
    signature = sign(body, secret=secret, timestamp=int(time.time()) - age)
    return {
        "data": body,
        "content_type": "application/json",
        "headers": {"Stripe-Signature": signature},
    }


def start(data: Path, *, port: int = 0) -> Emulator:
    """Start an emulator and wait until it answers."""
    if not port:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
    command = [
        sys.executable, "-m", "marketplace.sandbox.stripe_emulator", "--port", str(port),
        "--data", str(data), "--retry-base", "0.1", "--settle-after", "3600",
    ]  # fmt: skip
    environment = {k: v for k, v in os.environ.items() if not k.startswith("DJANGO")}
    root = Path(__file__).resolve().parents[2]
    process = subprocess.Popen(command, env=environment, cwd=root, stderr=subprocess.DEVNULL)
    base = f"http://127.0.0.1:{port}"
    http = httpx.Client(trust_env=False)
    for _ in range(200):
        try:
            http.get(f"{base}/_test/deliveries")
        except httpx.TransportError:
            assert process.poll() is None, "the emulator ended by itself"
            time.sleep(0.05)
        else:
            return Emulator(process, base, data, http)
    process.kill()
    raise AssertionError("the emulator did not start in ten seconds")


@pytest.fixture(scope="session")
def stripe_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Emulator]:
    """One emulator for the whole run; objects have ids of their own, so tests do not meet."""
    emulator = start(tmp_path_factory.mktemp("stripe") / "stripe.sqlite3")
    yield emulator
    emulator.stop()


@pytest.fixture
def stripe(stripe_process: Emulator, settings: Settings) -> Iterator[Emulator]:
    """The emulator, with the shop pointed at it and no rules left over from another test."""
    settings.STRIPE_API_BASE = stripe_process.base
    yield stripe_process
    stripe_process.hook("rules", method="DELETE")
    for endpoint in stripe_process.sdk.v1.webhook_endpoints.list({"limit": 100}).data:
        stripe_process.sdk.v1.webhook_endpoints.delete(endpoint.id)
