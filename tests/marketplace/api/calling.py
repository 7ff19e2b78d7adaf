"""A seeder that calls the API over HTTP, with its proof for each call."""

from __future__ import annotations

import io
import json
import uuid
from dataclasses import dataclass
from typing import Any

from django.core.management import call_command
from django.test import Client

from marketplace.accounts.models import Device, User
from marketplace.catalog.models import Listing
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, log_in_device, make_person, sell

__all__ = ["NONCE", "ROUTES", "World", "call", "device_of", "make_world"]

NONCE = "0123456789abcdef"
# Method and path of every route; {package}, {licence} and {device} are ada's.
ROUTES = [
    ("GET", "/api/v1/me"),
    ("GET", "/api/v1/library"),
    ("GET", "/api/v1/packages/{package}/manifest"),
    ("GET", "/api/v1/packages/{package}/torrent"),
    ("POST", "/api/v1/packages/{package}/licence"),
    ("GET", "/api/v1/licences/{licence}/status?nonce=" + NONCE),
    ("GET", "/api/v1/licences/{licence}/proof"),
    ("GET", "/api/v1/device/status?nonce=" + NONCE),
    ("PUT", "/api/v1/progress"),
    ("DELETE", "/api/v1/device"),
    ("GET", "/api/v1/devices"),
    ("DELETE", "/api/v1/devices/{device}"),
]


@dataclass
class World:
    """Ada has bought; eve has bought something else; the seller has bought nothing."""

    ada: User
    eve: User
    seller: User
    listing: Listing
    order_id: uuid.UUID
    package: str
    licence: str
    desk: FakeSeeder
    thief: FakeSeeder
    shop: FakeSeeder

    def path(self, route: str) -> str:
        device = str(device_of(self.desk).pk) if "{device}" in route else ""
        path = route.replace("{package}", self.package).replace("{licence}", self.licence)
        return path.replace("{device}", device)


def make_world() -> World:
    ada, eve = make_person("ada"), make_person("eve")
    listing, order_id = sell(), uuid.uuid4()
    assert listing.package_id is not None
    buy(ada, listing, order_id=order_id)
    buy(eve, sell(title="낮의 노래"))
    desk, thief, shop = log_in_device(ada), log_in_device(eve), log_in_device(listing.seller)
    answer = call(desk, "POST", f"/api/v1/packages/{listing.package_id}/licence")
    call_command("audit", "sign", stdout=io.StringIO())
    return World(
        ada=ada,
        eve=eve,
        seller=listing.seller,
        listing=listing,
        order_id=order_id,
        package=listing.package_id,
        licence=answer.json()["id"],
        desk=desk,
        thief=thief,
        shop=shop,
    )


def call(
    seeder: FakeSeeder,
    method: str,
    path: str,
    *,
    body: Any = None,
    headers: dict[str, str] | None = None,
) -> Any:
    """One call. `headers` replaces those of the login; None takes one's own."""
    if headers is None:
        headers = {
            "Authorization": f"DPoP {seeder.access_token}",
            "DPoP": seeder.proof(method, path.partition("?")[0], token=seeder.access_token),
        }
    if method == "PUT" and body is None:
        body = {"items": []}
    data = body if isinstance(body, str) else "" if body is None else json.dumps(body)
    return Client().generic(method, path, data, content_type="application/json", headers=headers)


def device_of(seeder: FakeSeeder) -> Device:
    return Device.objects.get(thumbprint=seeder.identity.public.thumbprint)
