"""RFC 8628 on the wire: what a seeder sends, and what it is answered."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
import time_machine
from django.core import mail
from django.test import Client
from django.utils import timezone

from drm.encoding import b64u
from drm.keys import IdentityKey, SealingKey, sign_sealing_key
from marketplace.accounts import device_login, services
from marketplace.accounts.errors import DeviceRemovedError, InvalidTokenError, OAuthError
from marketplace.accounts.models import Device, DeviceGrant, DeviceLogin, DeviceToken, User
from tests.marketplace.accounts.seeder import DEVICE_CODE, FORM, FakeSeeder, refusal

pytestmark = pytest.mark.django_db


def decide(seeder: FakeSeeder, user: User, *, approve: bool = True) -> None:
    grant = DeviceGrant.objects.get(thumbprint=seeder.identity.public.thumbprint)
    services.decide_device_login(grant_id=grant.pk, user=user, approve=approve, now=timezone.now())


def test_a_login_from_the_first_request_to_the_first_call(ada: User, seeder: FakeSeeder) -> None:
    codes = seeder.begin()

    assert set(codes) == {"device_code", "user_code", "verification_uri", "expires_in", "interval"}
    assert codes["verification_uri"] == "http://127.0.0.1:8000/device/"
    assert (codes["expires_in"], codes["interval"]) == (600, 5)

    with time_machine.travel(timezone.now(), tick=False) as clock:
        assert refusal(seeder.poll()) == "authorization_pending"
        assert not Device.objects.exists()

        decide(seeder, ada)
        clock.shift(5)
        answer = seeder.poll()

        assert answer.status_code == 200
        assert answer.json()["token_type"] == "DPoP"
        assert answer.json()["expires_in"] == 3600
        assert answer["Cache-Control"] == "no-store"
        device = Device.objects.get()
        assert (device.user, device.name) == (ada, "Ada’s desk")
        assert device.thumbprint == seeder.identity.public.thumbprint
        assert device.identity_key == b64u(seeder.identity.public.to_bytes())
        assert device.sealing_key == b64u(seeder.sealing.public.to_bytes())
        assert seeder.call() == (ada, device)


def test_no_secret_is_kept_readable(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    kept = str(list(DeviceGrant.objects.values())) + str(list(DeviceToken.objects.values()))
    for secret in (seeder.device_code, seeder.access_token, seeder.refresh_token):
        assert len(secret) >= 40
        assert secret not in kept


def test_a_device_code_is_good_once(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    assert refusal(seeder.poll()) == "invalid_grant"
    assert DeviceLogin.objects.count() == 1


def test_of_two_polls_in_the_gap_one_gets_tokens(
    ada: User, seeder: FakeSeeder, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a rival poll that redeems after this one has seen “approved”, before it writes.
    seeder.begin()
    decide(seeder, ada)
    original = device_login._redeem
    rivals: list[Any] = []

    def after_the_rival(grant: DeviceGrant, **more: Any) -> Any:
        if not rivals:
            rivals.append(None)
            rivals.append(original(grant, **more))
        return original(grant, **more)

    monkeypatch.setattr(device_login, "_redeem", after_the_rival)
    answer = seeder.poll()

    assert rivals[1].access_token
    assert refusal(answer) == "invalid_grant"
    assert DeviceLogin.objects.count() == 1
    assert DeviceToken.objects.count() == 2


def test_another_key_does_not_redeem_the_code(ada: User, seeder: FakeSeeder) -> None:
    seeder.begin()
    decide(seeder, ada)

    assert refusal(seeder.poll(key=IdentityKey.generate())) == "invalid_grant"
    assert not Device.objects.exists()
    assert seeder.poll().status_code == 200  # and the owner of the key is not hindered


def test_polling_too_fast_raises_the_interval_by_five_seconds(
    ada: User, seeder: FakeSeeder
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        seeder.begin()
        assert refusal(seeder.poll()) == "authorization_pending"
        clock.shift(4)
        assert refusal(seeder.poll()) == "slow_down"
        clock.shift(6)
        assert refusal(seeder.poll()) == "slow_down"
        assert DeviceGrant.objects.get().interval == 15

        decide(seeder, ada)
        clock.shift(14)
        assert refusal(seeder.poll()) == "slow_down"
        clock.shift(20)
        assert seeder.poll().status_code == 200


def test_a_denied_device_is_told_so(ada: User, seeder: FakeSeeder) -> None:
    seeder.begin()
    decide(seeder, ada, approve=False)

    assert refusal(seeder.poll()) == "access_denied"
    assert not Device.objects.exists()


@pytest.mark.parametrize("approved", [False, True])
def test_a_code_expires_also_when_it_was_approved(
    ada: User, seeder: FakeSeeder, approved: bool
) -> None:
    with time_machine.travel(timezone.now(), tick=False) as clock:
        seeder.begin()
        if approved:
            decide(seeder, ada)
        clock.shift(dt.timedelta(minutes=10))

        assert refusal(seeder.poll()) == "expired_token"
    assert not Device.objects.exists()


def test_a_closed_account_gets_no_device(ada: User, seeder: FakeSeeder) -> None:
    seeder.begin()
    decide(seeder, ada)
    User.objects.filter(pk=ada.pk).update(is_active=False)

    assert refusal(seeder.poll()) == "access_denied"


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"client_id": ""}, "invalid_request"),
        ({"client_id": "other"}, "invalid_client"),
        ({"scope": "admin"}, "invalid_scope"),
        ({"device_name": " \u202e "}, "invalid_request"),
        ({"sealing_suite": "X448"}, "invalid_request"),
        ({"sealing_suite": "한"}, "invalid_request"),
        ({"sealing_key": ""}, "invalid_request"),
        ({"sealing_key": "AAAA"}, "invalid_request"),
        ({"sealing_key": "한글"}, "invalid_request"),
        ({"sealing_key_signature": ""}, "invalid_request"),
        ({"sealing_key_signature": "A" * 86}, "invalid_request"),
    ],
)
def test_a_login_that_cannot_begin(seeder: FakeSeeder, change: dict[str, str], error: str) -> None:
    answer = seeder.post("/oauth/device", seeder.fields(**change))

    assert refusal(answer) == error
    assert not DeviceGrant.objects.exists()


def test_a_sealing_key_that_everybody_can_open_is_refused(seeder: FakeSeeder) -> None:
    # A point of small order, vouched for by its owner: licences for it could not be made.
    weak = bytes(32)
    statement = b"\x00".join((b"geobuk-sealing-key-v1", b"X25519", weak))
    fields = seeder.fields(
        sealing_key=b64u(weak), sealing_key_signature=b64u(seeder.identity.sign(statement))
    )

    assert refusal(seeder.post("/oauth/device", fields)) == "invalid_request"


def test_a_sealing_key_signed_by_another_key_is_refused(seeder: FakeSeeder) -> None:
    other = SealingKey.generate()
    forged = b64u(sign_sealing_key(IdentityKey.generate(), other.public))
    fields = seeder.fields(sealing_key=b64u(other.public.to_bytes()), sealing_key_signature=forged)

    assert refusal(seeder.post("/oauth/device", fields)) == "invalid_request"
    assert not DeviceGrant.objects.exists()


@pytest.mark.parametrize("proof", ["", "x", "a.b.c", "한"])
def test_a_login_without_a_proof_is_refused(seeder: FakeSeeder, proof: str) -> None:
    answer = seeder.post("/oauth/device", seeder.fields(), proof=proof)
    assert refusal(answer) == "invalid_dpop_proof"
    assert not DeviceGrant.objects.exists()


def test_a_proof_for_the_other_endpoint_is_refused(seeder: FakeSeeder) -> None:
    proof = seeder.proof("POST", "/oauth/token")
    assert (
        refusal(seeder.post("/oauth/device", seeder.fields(), proof=proof)) == "invalid_dpop_proof"
    )


def test_a_proof_begins_one_login_only(seeder: FakeSeeder) -> None:
    proof = seeder.proof("POST", "/oauth/device")
    assert seeder.post("/oauth/device", seeder.fields(), proof=proof).status_code == 200
    answer = seeder.post("/oauth/device", seeder.fields(), proof=proof)

    assert refusal(answer) == "invalid_dpop_proof"
    assert DeviceGrant.objects.count() == 1


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": DEVICE_CODE}, "invalid_request"),
        ({"grant_type": DEVICE_CODE, "client_id": "geobuk-seeder"}, "invalid_request"),
        ({"grant_type": DEVICE_CODE, "client_id": "x", "device_code": "y"}, "invalid_client"),
        (
            {"grant_type": DEVICE_CODE, "client_id": "geobuk-seeder", "device_code": "y" * 9999},
            "invalid_grant",
        ),
        (
            {"grant_type": DEVICE_CODE, "client_id": "geobuk-seeder", "device_code": "\x00"},
            "invalid_grant",
        ),
        ({"grant_type": DEVICE_CODE, "client_id": ["geobuk-seeder"] * 2}, "invalid_request"),
        ({"grant_type": "password", "client_id": "geobuk-seeder"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "client_id": "geobuk-seeder"}, "invalid_request"),
        (
            {"grant_type": "refresh_token", "client_id": "geobuk-seeder", "refresh_token": "y"},
            "invalid_grant",
        ),
    ],
)
def test_a_token_request_that_is_wrong(
    seeder: FakeSeeder, fields: dict[str, Any], error: str
) -> None:
    assert refusal(seeder.post("/oauth/token", fields)) == error


@pytest.mark.parametrize("path", ["/oauth/device", "/oauth/token"])
@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_are_refused(client: Client, path: str, method: str) -> None:
    assert refusal(getattr(client, method)(path)) == "invalid_request"


@pytest.mark.parametrize("path", ["/oauth/device", "/oauth/token"])
@pytest.mark.parametrize("kind", ["application/json", "multipart/form-data; boundary=x", "", "x"])
def test_other_bodies_are_refused(client: Client, path: str, kind: str) -> None:
    assert refusal(client.post(path, b"\xff{}", content_type=kind)) == "invalid_request"


def test_a_flood_of_fields_is_refused(client: Client) -> None:
    body = "&".join(f"f{i}=1" for i in range(2000))
    assert refusal(client.post("/oauth/token", body, content_type=FORM)) == "invalid_request"


def test_beginning_logins_is_rate_limited(client: Client) -> None:
    for _login in range(60):
        assert refusal(client.post("/oauth/device", "x=1", content_type=FORM)) == "invalid_request"

    answer = client.post("/oauth/device", "x=1", content_type=FORM)
    assert refusal(answer, 429) == "temporarily_unavailable"


def test_user_codes_use_letters_that_cannot_be_confused(seeder: FakeSeeder) -> None:
    code = seeder.begin()["user_code"]

    assert len(code) == 9
    assert code[4] == "-"
    assert set(code) <= set("BCDFGHJKLMNPQRSTVWXZ-")


def test_a_registration_is_told_by_mail(ada: User, seeder: FakeSeeder) -> None:
    seeder.name = "A\r\nBcc: x@evil.example"
    seeder.log_in(ada)
    # send_mail() sends when the transaction commits, which a test does not.
    device = Device.objects.get()
    assert device.name == "A Bcc: x@evil.example"
    assert mail.outbox == []


@pytest.mark.django_db(transaction=True)
def test_the_mail_names_the_device_and_its_key(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)

    [message] = mail.outbox
    assert message.to == ["ada@example.org"]
    assert message.subject == "A new device: Ada’s desk"
    assert "“Ada’s desk” was let into your account" in message.body
    assert services.fingerprint(seeder.identity.public.thumbprint) in message.body
    assert "127.0.0.1" in message.body


def test_the_same_key_revives_its_device(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    old_token = seeder.access_token
    services.remove_device(user=ada, device_id=device.pk, now=timezone.now())
    with pytest.raises(DeviceRemovedError):
        seeder.call()

    seeder.name = "New name"
    DeviceGrant.objects.all().delete()
    again = seeder.log_in(ada)

    assert again.pk == device.pk
    assert (again.name, again.removed_at) == ("New name", None)
    assert seeder.call()[1] == again
    with pytest.raises(InvalidTokenError):
        seeder.call(token=old_token)


def test_one_machine_may_serve_two_people(ada: User, eve: User, seeder: FakeSeeder) -> None:
    hers = seeder.log_in(ada)
    ada_token = seeder.access_token
    DeviceGrant.objects.all().delete()
    his = seeder.log_in(eve)

    assert hers.pk != his.pk
    assert seeder.call()[0] == eve
    assert seeder.call(token=ada_token)[0] == ada


def test_a_decision_is_taken_once(ada: User, eve: User, seeder: FakeSeeder) -> None:
    seeder.begin()
    decide(seeder, ada)

    with pytest.raises(Exception, match="decided already"):
        decide(seeder, eve)
    assert DeviceGrant.objects.get().user == ada


def test_old_grants_are_swept(ada: User, seeder: FakeSeeder) -> None:
    seeder.begin()
    with time_machine.travel(timezone.now() + dt.timedelta(days=2)):
        FakeSeeder().begin()

    assert DeviceGrant.objects.count() == 1


def test_an_error_of_the_service_has_its_rfc_name(seeder: FakeSeeder) -> None:
    with pytest.raises(OAuthError) as refused:
        services.refresh_tokens(
            client_id="x", refresh_token="y", proof="", url="/oauth/token", now=timezone.now()
        )
    assert refused.value.error == "invalid_client"
