"""The seeder's own client, straight into the shop."""

from __future__ import annotations

import datetime as dt

import httpx
from django.conf import settings
from django.test import Client
from django.utils import timezone

from seeder.client import ShopClient, fetch_shop, make_http
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.shops import pin_shop
from seeder.tokens import Tokens
from tests.marketplace.accounts.seeder import FakeSeeder

__all__ = ["Wire", "client_of", "keys_of"]


class Wire(httpx.BaseTransport):
    """Straight into the shop, in the transaction of the test."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        answer = Client().generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", ""),
            headers=dict(request.headers),
        )
        return httpx.Response(
            answer.status_code, headers=dict(answer.headers), content=answer.content
        )


def keys_of(seeder: FakeSeeder) -> DeviceKeys:
    return DeviceKeys(name=seeder.name, identity=seeder.identity, sealing=seeder.sealing)


def client_of(seeder: FakeSeeder, folder: ShopFolder) -> ShopClient:
    """A client with the login that the seeder has."""
    wire = Wire()
    with make_http(settings.SITE_URL, wire) as http:
        shop = pin_shop(folder, fetch_shop(settings.SITE_URL, http=http))
    tokens = Tokens(
        seeder.access_token, seeder.refresh_token, timezone.now() + dt.timedelta(days=1)
    )
    tokens.store(folder)
    return ShopClient(shop, folder, keys_of(seeder), transport=wire)
