"""What a seeder has to show with every call, and what a thief lacks."""

from __future__ import annotations

import datetime as dt

import pytest
import time_machine
from django.conf import settings
from django.utils import timezone

from drm.keys import IdentityKey
from drm.proof import create_proof
from drm.signed import sign
from marketplace.accounts import services
from marketplace.accounts.errors import (
    DeviceRemovedError,
    InvalidProofError,
    InvalidTokenError,
    SeederRefusedError,
)
from marketplace.accounts.models import DeviceToken, UsedProof, User
from tests.marketplace.accounts.seeder import FakeSeeder

pytestmark = pytest.mark.django_db


def test_the_holder_of_token_and_key_is_let_in(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)

    assert seeder.call("/api/v1/library") == (ada, device)
    assert seeder.call("/api/v1/packages/x/licence", method="POST") == (ada, device)


def test_the_codes_are_those_of_the_protocol() -> None:
    errors = [InvalidTokenError, InvalidProofError, DeviceRemovedError]
    assert [e.code for e in errors] == ["invalid_token", "invalid_proof", "device_removed"]
    assert all(issubclass(e, SeederRefusedError) for e in errors)


def test_a_stolen_token_without_the_key(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    with pytest.raises(InvalidProofError):
        seeder.call(proof="")
    with pytest.raises(InvalidProofError):
        seeder.call(key=IdentityKey.generate())


def test_a_stolen_token_with_the_proof_of_another_device(
    ada: User, eve: User, seeder: FakeSeeder
) -> None:
    seeder.log_in(ada)
    thief = FakeSeeder()
    thief.log_in(eve)

    with pytest.raises(InvalidProofError):
        thief.call(token=seeder.access_token)


def test_a_proof_is_good_once(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    proof = seeder.proof("GET", "/api/v1/me", token=seeder.access_token)
    seeder.call(proof=proof)

    with pytest.raises(InvalidProofError, match="used before"):
        seeder.call(proof=proof)


def test_a_proof_cannot_be_replayed_as_long_as_it_is_fresh(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    now = timezone.now()
    ahead = create_proof(  # a clock that is a minute ahead makes proofs that live longest
        seeder.identity,
        method="GET",
        url=f"{settings.SITE_URL}/api/v1/me",
        now=now + dt.timedelta(seconds=59),
        access_token=seeder.access_token,
    )
    seeder.call(proof=ahead, now=now)

    for seconds in (1, 60, 118, 121, 600):
        later = now + dt.timedelta(seconds=seconds)
        UsedProof.objects.filter(expires_at__lt=later).delete()  # the sweep at its worst
        with pytest.raises(InvalidProofError):
            seeder.call(proof=ahead, now=later)


@pytest.mark.parametrize(
    "change", [{"url": "/api/v1/library"}, {"method": "DELETE"}, {"url": "/api/v1/me/"}]
)
def test_a_proof_for_another_request(ada: User, seeder: FakeSeeder, change: dict[str, str]) -> None:
    seeder.log_in(ada)
    proof = seeder.proof("GET", "/api/v1/me", token=seeder.access_token)

    with pytest.raises(InvalidProofError):
        seeder.call(**{"proof": proof, "url": "/api/v1/me", "method": "GET", **change})


def test_a_proof_for_another_token_or_none(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    for token in (None, "another"):
        with pytest.raises(InvalidProofError):
            seeder.call(proof=seeder.proof("GET", "/api/v1/me", token=token))


def test_a_proof_made_for_another_host(ada: User, seeder: FakeSeeder) -> None:
    # A rogue shop that was shown the proof hands it on with its own Host header.
    seeder.log_in(ada)
    proof = create_proof(
        seeder.identity,
        method="GET",
        url="http://evil.example/api/v1/me",
        now=timezone.now(),
        access_token=seeder.access_token,
    )

    with pytest.raises(InvalidProofError):
        seeder.call(proof=proof, url="http://evil.example/api/v1/me")


def test_of_the_address_only_the_path_counts(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)

    for url in ("http://testserver/api/v1/me?x=1", f"{settings.SITE_URL}/api/v1/me", "/api/v1/me"):
        assert seeder.call("/api/v1/me", url=url)[1] == device


@pytest.mark.parametrize("seconds", [-90, 90])
def test_an_old_or_early_proof(ada: User, seeder: FakeSeeder, seconds: int) -> None:
    seeder.log_in(ada)
    proof = seeder.proof("GET", "/api/v1/me", token=seeder.access_token)

    with pytest.raises(InvalidProofError, match="clock"):
        seeder.call(proof=proof, now=timezone.now() + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    "authorization",
    ["", "DPoP", "DPoP ", "Bearer {}", "DPoP x", "Basic {}", "DPoP " + "x" * 9999, "{}"],
)
def test_a_wrong_authorization(ada: User, seeder: FakeSeeder, authorization: str) -> None:
    seeder.log_in(ada)

    with pytest.raises(InvalidTokenError):
        seeder.call(authorization=authorization.format(seeder.access_token))


def test_an_access_token_lives_an_hour(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)

    with time_machine.travel(timezone.now() + dt.timedelta(minutes=59)):
        assert seeder.call()[1] == device
    with (
        time_machine.travel(timezone.now() + dt.timedelta(minutes=61)),
        pytest.raises(InvalidTokenError, match="refresh"),
    ):
        seeder.call()


def test_a_removed_device_is_told_so_also_with_an_old_token(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    services.remove_device(user=ada, device_id=device.pk, now=timezone.now())

    with pytest.raises(DeviceRemovedError):
        seeder.call()
    with (
        time_machine.travel(timezone.now() + dt.timedelta(days=1)),
        pytest.raises(DeviceRemovedError),
    ):
        seeder.call()
    with pytest.raises(InvalidProofError):  # but not to a thief
        seeder.call(key=IdentityKey.generate())


def test_a_closed_account_is_shut_out(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)

    with pytest.raises(InvalidTokenError):
        seeder.call()


def test_a_refused_call_leaves_no_trace(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    UsedProof.objects.all().delete()

    with pytest.raises(InvalidProofError):
        seeder.call(key=IdentityKey.generate())

    assert not UsedProof.objects.exists()
    device.refresh_from_db()
    assert device.last_address == "127.0.0.1"


def test_last_seen_is_written_once_a_minute(ada: User, seeder: FakeSeeder) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        device = seeder.log_in(ada)
        start = timezone.now()

        clock.shift(59)
        seeder.call()
        device.refresh_from_db()
        assert device.last_seen_at == start

        clock.shift(1)
        seeder.call()
        device.refresh_from_db()
        assert device.last_seen_at == start + dt.timedelta(seconds=60)
        assert device.last_address == "203.0.113.7"


def test_the_first_use_of_a_token_is_noted(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    seeder.call()

    used = DeviceToken.objects.exclude(used_at=None)
    assert [t.kind for t in used] == ["access"]


def test_an_endless_proof_id_is_refused(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    claims = {
        "htm": "GET",
        "htu": f"{settings.SITE_URL}/api/v1/me",
        "iat": int(timezone.now().timestamp()),
        "jti": "x" * 129,
    }
    proof = sign(
        claims, key=seeder.identity, kind="dpop+jwt", header={"jwk": seeder.identity.public.jwk()}
    )

    with pytest.raises(InvalidProofError):
        seeder.call(proof=proof)
