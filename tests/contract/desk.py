"""A Stripe to hold to its contract: the emulator, or the real one behind a test key.

Whatever comes over the line is looked at: each answer is compared with the SDK's class of
that object, and the address that gave it is written down.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import pytest
import stripe as sdk
from stripe._object_classes import get_object_class

from marketplace.sandbox.stripe_emulator.shapes import mismatches
from tests.marketplace.stripe_fixtures import Emulator

__all__ = ["CARDS", "Desk", "Line"]

# What each card does, by its number on the emulator's page and its name at Stripe's API.
CARDS = {
    "good": ("4242424242424242", "pm_card_visa"),
    "declined": ("4000000000000002", "pm_card_visa_chargeDeclined"),
    "disputed": ("4000000000000259", "pm_card_createDispute"),
    "not_received": ("4000000000002685", "pm_card_createDisputeProductNotReceived"),
    "inquiry": ("4000000000001976", "pm_card_createDisputeInquiry"),
    "refund_pending": ("4000000000007726", "pm_card_pendingRefund"),
    "refund_fails": ("4000000000005126", "pm_card_refundFail"),
}
_Found = TypeVar("_Found")
PATIENCE = 120.0  # seconds that the real Stripe may take for what its test mode does later
_ID = re.compile(r"(?<=/)(?:[a-z]+_)+[A-Za-z0-9]{14,}")  # longer than the name of any address


class Line(sdk.RequestsClient):
    """The SDK's HTTP client, with an ear on it."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: set[tuple[str, str]] = set()  # method and address, ids as {id}
        self.wrong: list[str] = []  # where an answer was not what the SDK announces

    def request(  # type: ignore[override]  # the SDK's own class differs from its base as well
        self, method: str, url: str, headers: Mapping[str, str] | None, post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        content, status, answered = super().request(method, url, headers, post_data)
        path = _ID.sub("{id}", urlsplit(url).path)
        if status == 200:
            self.asked.add((method.upper(), path))
        self.wrong += [f"{method.upper()} {path}: {fault}" for fault in faults_of(content)]
        return content, status, answered


def faults_of(content: str | bytes) -> list[str]:
    """Where the answer differs from the SDK's classes."""
    answer = json.loads(content)
    if "error" in answer:
        return mismatches(sdk.ErrorObject, answer["error"], "error.")
    if answer.get("object") == "list":
        keys = {"object", "data", "has_more", "url"}
        found = [f"list: {name}" for name in answer.keys() ^ keys if name != "total_count"]
        return found + [fault for item in answer["data"] for fault in _faults_of(item)]
    return _faults_of(answer)


def _faults_of(item: dict[str, Any]) -> list[str]:
    if item.get("deleted"):
        return [] if {"id", "object", "deleted"} <= item.keys() else ["deleted: incomplete"]
    kind = get_object_class("V1", item["object"])
    found = [f"{item['object']}.{fault}" for fault in mismatches(kind, item)]
    if item["object"] == "event":
        found += [f"event.data.{fault}" for fault in _faults_of(item["data"]["object"])]
    return found


@dataclass
class Desk:
    """What a test of the contract does at Stripe, whichever it is."""

    api: sdk.StripeClient
    line: Line
    emulator: Emulator | None = None  # None: it is the real one
    currency: str = "eur"

    @property
    def is_real(self) -> bool:
        return self.emulator is None

    def needs_a_person(self, what: str) -> Emulator:
        """The emulator; at the real Stripe only a person in a browser can do `what`."""
        if self.emulator is None:
            pytest.skip(f"not against the real Stripe: {what} takes a person in a browser")
        return self.emulator

    def session(self, **more: Any) -> sdk.checkout.Session:
        """An open page for a film at 12.50."""
        price = {"currency": self.currency, "unit_amount": 1_250, "product_data": {"name": "밤"}}
        params: Any = {
            "mode": "payment",
            "success_url": "https://shop.example/ok?s={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://shop.example/back",
            "line_items": [{"quantity": 1, "price_data": price}],
            **more,
        }
        return self.api.v1.checkout.sessions.create(params)

    def charge(self, card: str = "good", **intent: Any) -> sdk.Charge:
        """A charge of 12.50 that went through, with its balance transaction."""
        number, method = CARDS[card]
        if self.emulator is not None:
            session = self.session(payment_intent_data=intent)
            assert session.url
            assert self.emulator.pay(session.url, number).status_code == 303
            found = self.api.v1.checkout.sessions.retrieve(session.id).payment_intent
            assert isinstance(found, str)
        else:
            params: Any = {
                "amount": 1_250,
                "currency": self.currency,
                "payment_method": method,
                "payment_method_types": ["card"],
                "confirm": True,
                **intent,
            }
            found = self.api.v1.payment_intents.create(params).id
        read = self.api.v1.payment_intents.retrieve(
            found, {"expand": ["latest_charge.balance_transaction"]}
        )
        assert isinstance(read.latest_charge, sdk.Charge)
        return read.latest_charge

    def later(self, look: Callable[[], _Found | None], *, seconds: int = 3601) -> _Found:
        """What `look` finds once time has passed: the emulator's clock is moved, Stripe's awaited."""
        if self.emulator is not None:
            self.emulator.hook("clock", advance=seconds)
        end = time.monotonic() + (0 if self.emulator else PATIENCE)
        while (found := look()) is None:
            assert time.monotonic() < end, "it has not happened"
            time.sleep(2)
        return found

    def key(self) -> Any:
        """Options with an idempotency key of its own."""
        return {"idempotency_key": f"contract-{uuid.uuid4()}"}
