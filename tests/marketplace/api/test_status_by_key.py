"""A device asks for the shop's signed word by its key alone, also when it is removed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from drm.keys import IdentityKey
from drm.status import Status, verify_status
from marketplace.accounts import services as accounts
from marketplace.licensing import services as licensing
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.api.calling import NONCE, World, call, device_of, make_world

pytestmark = pytest.mark.django_db


@pytest.fixture
def world() -> World:
    return make_world()


def _ask(seeder: FakeSeeder, path: str, **options: Any) -> Any:
    headers = {"DPoP": seeder.proof("GET", path, **options)}
    return call(seeder, "GET", f"{path}?nonce={NONCE}", headers=headers)


def _word(answer: Any, subject: str) -> Status:
    assert answer.status_code == 200, answer.content
    return verify_status(
        answer.json()["status"],
        issuer_public=packaging.issuer().key.public,
        licence_id=subject,
        nonce=NONCE,
        now=timezone.now(),
    )


def _words(world: World) -> tuple[Status, Status]:
    thumbprint = world.desk.identity.public.thumbprint
    return (
        _word(_ask(world.desk, "/api/v1/device/status"), f"device:{thumbprint}"),
        _word(_ask(world.desk, f"/api/v1/licences/{world.licence}/status"), world.licence),
    )


def test_a_removed_device_hears_that_it_was_and_when_it_is_back(world: World) -> None:
    before = _words(world)
    device = device_of(world.desk)
    accounts.remove_device(user=world.ada, device_id=device.pk, now=timezone.now())
    removed = _words(world)
    world.desk.log_in(world.ada)
    back = _words(world)

    assert [(w.status, w.reason) for w in before] == [("active", "")] * 2
    assert [(w.status, w.reason) for w in removed] == [("revoked", "device_removed")] * 2
    assert [(w.status, w.reason) for w in back] == [("active", "")] * 2
    for earlier, then, later in zip(before, removed, back, strict=True):
        assert earlier.sequence < then.sequence < later.sequence


def test_each_event_of_a_purchase_raises_the_sequence(world: World) -> None:
    past = timezone.now() - timedelta(days=9)
    sequences = [_words(world)[1].sequence]
    licensing.revoke(order_id=world.order_id, cause="refund:1", now=past)
    refunded = _words(world)[1]
    licensing.restore(order_id=world.order_id, cause="failed:1", now=past)
    restored = _words(world)[1]

    assert (refunded.reason, restored.reason) == ("refund", "")
    sequences += [refunded.sequence, restored.sequence]
    assert sequences == sorted(set(sequences))


def test_nobody_else_can_ask(world: World) -> None:
    path = f"/api/v1/licences/{world.licence}/status"

    for seeder in (world.thief, world.shop):
        assert _ask(seeder, path).json()["code"] == "licence_not_found"
    for place in (path, "/api/v1/device/status"):
        stranger = _ask(world.desk, place, key=IdentityKey.generate())
        assert (stranger.status_code, stranger.json()["code"]) == (401, "invalid_proof")


def test_a_proof_alone_is_good_once_and_opens_nothing_else(world: World) -> None:
    path = "/api/v1/device/status"
    headers = {"DPoP": world.desk.proof("GET", path)}
    answers = [call(world.desk, "GET", f"{path}?nonce={NONCE}", headers=headers) for _ in "12"]

    assert [a.status_code for a in answers] == [200, 401]
    for place in ("me", "library", f"packages/{world.package}/manifest"):
        assert _ask(world.desk, f"/api/v1/{place}").json()["code"] == "invalid_token"
