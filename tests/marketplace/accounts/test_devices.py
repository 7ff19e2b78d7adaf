"""The owner's list of devices, and the link in the mail that removes one."""

from __future__ import annotations

import datetime as dt
import re
import uuid

import pytest
import time_machine
from django.core import mail, signing
from django.test import Client
from django.utils import timezone

from marketplace.accounts import queries, services
from marketplace.accounts.errors import DeviceNotFoundError, DeviceRemovedError
from marketplace.accounts.models import Device, DeviceGrant, User
from marketplace.messaging.models import Event
from tests.marketplace.accounts.people import log_in
from tests.marketplace.accounts.seeder import FakeSeeder

pytestmark = pytest.mark.django_db


def removal_link() -> str:
    [link] = re.findall(
        r"http://127\.0\.0\.1:8000(/accounts/devices/remove/\S+/)", str(mail.outbox[-1].body)
    )
    return str(link)


def test_the_list_shows_what_tells_devices_apart(
    ada: User, eve: User, browser: Client, seeder: FakeSeeder
) -> None:
    assert b"geobuk login http://127.0.0.1:8000" in browser.get("/accounts/devices/").content
    device = seeder.log_in(ada)
    FakeSeeder("Eve’s machine").log_in(eve)

    text = browser.get("/accounts/devices/").content.decode()
    assert "Ada’s desk" in text
    assert services.fingerprint(device.thumbprint) in text
    assert "127.0.0.1" in text
    assert device.registered_at.strftime("%Y-%m-%dT%H:%M") in text
    assert "Eve’s machine" not in text
    assert list(queries.active_devices(ada)) == [device]
    assert queries.device(ada, device.pk) == device


def test_renaming(ada: User, browser: Client, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    page = f"/accounts/devices/{device.pk}/name/"

    assert b"desk" in browser.get(page).content
    browser.post(page, {"name": "  거북   상자\u202e "})

    device.refresh_from_db()
    assert device.name == "거북 상자"
    for name in ("", "\u202e", "x" * 81):
        assert browser.post(page, {"name": name}).status_code == 422
    device.refresh_from_db()
    assert device.name == "거북 상자"


def test_removing_asks_first_and_says_what_it_means(
    ada: User, browser: Client, seeder: FakeSeeder
) -> None:
    device = seeder.log_in(ada)
    page = f"/accounts/devices/{device.pk}/remove/"

    question = browser.get(page)
    assert b"it can still open as long as it stays offline" in question.content
    assert seeder.call()[1] == device

    answer = browser.post(page, follow=True)
    assert "is removed" in answer.content.decode()
    with pytest.raises(DeviceRemovedError):
        seeder.call()
    event = Event.objects.get()
    assert (event.kind, event.group) == ("device.removed", f"user.{ada.pk.hex}")
    assert event.payload == {"device": str(device.pk)}
    assert not queries.active_devices(ada)


def test_removing_twice_says_it_once(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    services.remove_device(user=ada, device_id=device.pk, now=timezone.now())
    device.refresh_from_db()
    first = device.removed_at

    services.remove_device(
        user=ada, device_id=device.pk, now=timezone.now() + dt.timedelta(hours=1)
    )

    device.refresh_from_db()
    assert device.removed_at == first
    assert Event.objects.count() == 1


@pytest.mark.parametrize("action", ["name", "remove"])
def test_the_device_of_another_is_not_found(
    ada: User, eve: User, seeder: FakeSeeder, action: str
) -> None:
    device = seeder.log_in(ada)
    browser = log_in(eve)

    for device_id in (device.pk, uuid.uuid4()):
        page = f"/accounts/devices/{device_id}/{action}/"
        assert browser.get(page).status_code == 404
        assert browser.post(page, {"name": "Mine"}).status_code == 404
    for refused in (
        queries.device,
        lambda u, d: services.remove_device(user=u, device_id=d, now=timezone.now()),
    ):
        with pytest.raises(DeviceNotFoundError):
            refused(eve, device.pk)
    device.refresh_from_db()
    assert (device.name, device.removed_at) == ("Ada’s desk", None)
    assert seeder.call()[1] == device


def test_a_stranger_sees_no_devices() -> None:
    assert Client().get("/accounts/devices/").status_code == 302


@pytest.mark.django_db(transaction=True)
def test_the_mail_removes_the_device_without_a_log_in(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    page = removal_link()
    stranger = Client(enforce_csrf_checks=True)

    question = stranger.get(page)  # a mail scanner goes as far as this
    assert question.status_code == 200
    assert "Remove “Ada’s desk”?" in question.content.decode()
    assert seeder.call()[1] == device

    assert stranger.post(page).status_code == 403
    token = re.findall(r'value="(\w{64})"', question.content.decode())[0]
    answer = stranger.post(page, {"csrfmiddlewaretoken": token})
    assert "“Ada’s desk” is removed" in answer.content.decode()
    with pytest.raises(DeviceRemovedError):
        seeder.call()
    assert "is removed" in stranger.get(page).content.decode()


@pytest.mark.django_db(transaction=True)
def test_a_removal_link_expires_after_thirty_days(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    page = removal_link()

    with time_machine.travel(timezone.now() + dt.timedelta(days=29)):
        assert Client().get(page).status_code == 200
    with time_machine.travel(timezone.now() + dt.timedelta(days=31)):
        assert Client().get(page).status_code == 422
        assert Client().post(page).status_code == 422
    device.refresh_from_db()
    assert device.removed_at is None


@pytest.mark.django_db(transaction=True)
def test_a_removal_link_is_for_one_registration(ada: User, seeder: FakeSeeder) -> None:
    seeder.log_in(ada)
    page = removal_link()
    Client().post(page)
    DeviceGrant.objects.all().delete()
    again = seeder.log_in(ada)

    answer = Client().post(page)

    assert answer.status_code == 422
    assert b"This link is not good any more" in answer.content
    assert seeder.call()[1] == again


@pytest.mark.django_db(transaction=True)
def test_a_changed_link_does_nothing(ada: User, eve: User, seeder: FakeSeeder) -> None:
    hers = seeder.log_in(ada)
    signed = removal_link().rstrip("/").rsplit("/", 1)[-1]
    value = {"device": str(hers.pk), "registered": hers.registered_at.isoformat()}
    forgeries = [
        signed[:-1] + ("A" if signed[-1] != "A" else "B"),
        signed.swapcase(),
        "x",
        signing.dumps(value),  # another purpose
        signing.dumps(value, key="guess", salt="marketplace.accounts.remove-device"),
        signing.dumps("x", salt="marketplace.accounts.remove-device"),
        signing.dumps({"device": "x"}, salt="marketplace.accounts.remove-device"),
    ]

    for forgery in forgeries:
        answer = Client().post(f"/accounts/devices/remove/{forgery}/")
        assert answer.status_code == 422, forgery
    assert Device.objects.get().removed_at is None


def test_the_operator_removes_a_device_in_the_admin(ada: User, seeder: FakeSeeder) -> None:
    device = seeder.log_in(ada)
    User.objects.filter(pk=ada.pk).update(is_staff=True, is_superuser=True)
    browser = log_in(ada)

    for page in ("user", "seller", "device", f"device/{device.pk}/change", f"user/{ada.pk}/change"):
        answer = browser.get(f"/admin/accounts/{page}/")
        assert answer.status_code == 200
        for secret in (device.identity_key, device.sealing_key, device.sealing_key_signature):
            assert secret not in answer.content.decode()

    browser.post(
        "/admin/accounts/device/", {"action": "remove", "_selected_action": [str(device.pk)]}
    )
    with pytest.raises(DeviceRemovedError):
        seeder.call()
    assert Event.objects.get().kind == "device.removed"
