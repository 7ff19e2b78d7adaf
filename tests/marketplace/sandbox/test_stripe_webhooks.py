"""Events on their way: signed, sent again, bent by the levers, and kept over a restart."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import stripe as sdk

from tests.marketplace.sandbox.test_stripe_api import session_params
from tests.marketplace.stripe_fixtures import Emulator, start


class Receiver:
    """A shop's webhook that answers what it is told to, and remembers what it got."""

    def __init__(self, port: int = 0) -> None:
        self.got: list[tuple[str, bytes]] = []
        self.answers: list[int] = []  # then 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.got.append((self.headers["Stripe-Signature"], body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def types(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.got]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


def wait_until(true: Callable[[], object], seconds: float = 8) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.02)


def listen(stripe: Emulator, url: str, *kinds: str) -> str:
    """Make an endpoint for these types; returns its secret."""
    wanted: list[Any] = list(kinds) or ["checkout.session.expired"]
    endpoint = stripe.sdk.v1.webhook_endpoints.create({"url": url, "enabled_events": wanted})
    assert endpoint.secret
    return endpoint.secret


def expire(stripe: Emulator) -> str:
    session = stripe.sdk.v1.checkout.sessions.create(session_params())
    stripe.sdk.v1.checkout.sessions.expire(session.id)
    return session.id


def test_an_event_is_signed_and_says_what_it_is_about(stripe: Emulator, receiver: Receiver) -> None:
    secret = listen(stripe, receiver.url)

    session = expire(stripe)
    wait_until(lambda: receiver.got)

    signature, body = receiver.got[0]
    event = sdk.Webhook.construct_event(body, signature, secret)
    assert (event.type, event.data.object.id) == ("checkout.session.expired", session)
    assert (event.api_version, event.livemode) == (sdk.api_version, False)
    assert event.pending_webhooks == 1
    wait_until(lambda: stripe.deliveries(session)[0]["state"] == "delivered")
    assert stripe.sdk.v1.events.retrieve(event.id).pending_webhooks == 0
    with pytest.raises(sdk.SignatureVerificationError):
        sdk.Webhook.construct_event(body, signature, "whsec_other")


def test_only_what_was_asked_for_is_sent(stripe: Emulator, receiver: Receiver) -> None:
    listen(stripe, receiver.url, "checkout.session.completed")

    session = stripe.sdk.v1.checkout.sessions.create(session_params())
    stripe.pay(session.url or "")
    wait_until(lambda: receiver.got)
    expire(stripe)
    time.sleep(0.3)

    assert receiver.types() == ["checkout.session.completed"]


def test_a_refused_event_is_sent_again_with_a_fresh_signature(
    stripe: Emulator, receiver: Receiver
) -> None:
    secret = listen(stripe, receiver.url)
    receiver.answers = [500, 302, 404]

    session = expire(stripe)
    wait_until(lambda: len(receiver.got) == 4)

    ids = {json.loads(body)["id"] for _, body in receiver.got}
    assert len(ids) == 1
    for signature, body in receiver.got:
        sdk.Webhook.construct_event(body, signature, secret)
    wait_until(lambda: stripe.deliveries(session)[0]["state"] == "delivered")


def test_an_endpoint_that_is_away_gets_its_events_when_it_is_back(stripe: Emulator) -> None:
    gone = Receiver()
    port = gone.server.server_address[1]
    gone.close()
    listen(stripe, gone.url)

    session = expire(stripe)
    wait_until(lambda: stripe.deliveries(session)[0]["attempts"] >= 2)

    [delivery] = stripe.deliveries(session)
    assert (delivery["state"], delivery["last_status"]) == ("waiting", None)
    back = Receiver(port)
    wait_until(lambda: back.got)
    back.close()


def test_events_survive_a_restart(tmp_path: Path, receiver: Receiver) -> None:
    receiver.answers = [500] * 50
    emulator = start(tmp_path / "stripe.sqlite3")
    try:
        secret = listen(emulator, receiver.url)
        key: Any = {"idempotency_key": "the same"}
        made = emulator.sdk.v1.checkout.sessions.create(session_params(), key)
        session = expire(emulator)
        wait_until(lambda: receiver.got)

        emulator = emulator.restarted()
        receiver.answers = []
        receiver.got.clear()
        wait_until(lambda: receiver.got)

        signature, body = receiver.got[0]
        event = sdk.Webhook.construct_event(body, signature, secret)
        assert event.data.object.id == session
        again = emulator.sdk.v1.checkout.sessions.create(session_params(), key)
        assert again.id == made.id
        assert emulator.pay(made.url or "").status_code == 303
    finally:
        emulator.stop()


def test_the_levers_bend_the_delivery(stripe: Emulator, receiver: Receiver) -> None:
    listen(stripe, receiver.url, "checkout.session.expired")
    rules: list[dict[str, Any]] = [
        {"type": "checkout.*", "action": "twice"},
        {"type": "*", "action": "never"},
        {"type": "checkout.session.expired", "action": "late", "seconds": 5},
    ]

    sessions = []
    for rule in rules:
        stripe.hook("rules", method="DELETE")
        stripe.hook("rules", **rule)
        sessions.append(expire(stripe))
    twice, never, late = sessions
    wait_until(lambda: len(receiver.got) == 2)
    time.sleep(0.3)

    assert [json.loads(body)["data"]["object"]["id"] for _, body in receiver.got] == [twice] * 2
    assert [d["state"] for d in stripe.deliveries(never)] == ["dropped"]
    assert [d["state"] for d in stripe.deliveries(late)] == ["waiting"]
    stripe.hook("clock", advance=6)
    wait_until(lambda: len(receiver.got) == 3)


def test_held_events_are_released_in_any_order(stripe: Emulator, receiver: Receiver) -> None:
    listen(stripe, receiver.url, "checkout.session.completed", "charge.refunded")
    stripe.hook("rules", type="*", action="hold")
    session = stripe.sdk.v1.checkout.sessions.create(session_params())
    stripe.pay(session.url or "")
    intent = stripe.sdk.v1.checkout.sessions.retrieve(session.id).payment_intent
    assert isinstance(intent, str)
    stripe.sdk.v1.refunds.create({"payment_intent": intent})

    released = stripe.hook("release", order="reverse")
    [event] = stripe.events("checkout.session.completed", id=session.id)
    again = stripe.hook(f"events/{event['id']}/deliver", times=2)

    assert released["statuses"] == [200, 200]
    assert again["statuses"] == [200, 200]
    assert receiver.types() == ["charge.refunded", *["checkout.session.completed"] * 3]
