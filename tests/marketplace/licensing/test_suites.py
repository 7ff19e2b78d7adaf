"""Licences for devices of either sealing suite, whatever the shop prefers."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from drm.licence import open_licence
from marketplace.accounts.models import User
from marketplace.licensing import services
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db


def _opens(user: User, seeder: FakeSeeder, package_id: str) -> bool:
    device = user.devices.get(thumbprint=seeder.identity.public.thumbprint)
    now = timezone.now()
    licence = services.licence_for(user=user, device=device, package_id=package_id, now=now)
    opened = open_licence(
        licence.jws,
        issuer_public=packaging.issuer().key.public,
        identity=seeder.identity.public,
        sealing_key=seeder.sealing,
        package_id=package_id,
        manifest=packaging.manifest(package_id),
        now=now,
        action="play",
    )
    return opened.content_key == packaging.content_key(package_id)


def test_devices_of_both_suites_open_what_was_bought(settings: Settings) -> None:
    ada = make_person()
    package_id = buy(ada, sell()).package_id
    old, new = FakeSeeder("old desk"), FakeSeeder("new desk", suite="X-Wing")
    old.log_in(ada)

    settings.SEALING_SUITE = "X-Wing"
    device = new.log_in(ada)

    assert device.sealing_suite == "X-Wing"
    assert _opens(ada, new, package_id)
    assert _opens(ada, old, package_id)


@pytest.mark.parametrize("suite", ["X25519", "X-Wing"])
def test_the_shop_document_names_the_preferred_suite(
    suite: str, client: Client, settings: Settings
) -> None:
    settings.SEALING_SUITE = suite

    document = client.get("/.well-known/geobuk.json").json()

    assert document["sealing_suite"] == suite
    assert document["sealing_suites"] == ["X25519", "X-Wing"]


def test_a_key_under_the_name_of_the_other_suite_is_refused() -> None:
    seeder = FakeSeeder(suite="X-Wing")

    answer = seeder.post("/oauth/device", seeder.fields(sealing_suite="X25519"))

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
