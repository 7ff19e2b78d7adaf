"""How many devices an account may have, and how many new keys in twelve months."""

from __future__ import annotations

import datetime as dt
import threading
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.db import connections
from django.db.models import F
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts import devices, queries, services
from marketplace.accounts.device_limits import KEY_YEAR
from marketplace.accounts.errors import DeviceKeysUsedUpError, DeviceLimitError, NoRoomError
from marketplace.accounts.models import Device, DeviceGrant, DeviceLogin, DeviceToken, User
from tests.marketplace.accounts.seeder import FakeSeeder, refusal
from tests.marketplace.api.calling import call

pytestmark = pytest.mark.django_db
DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
RIVALS = 50


@pytest.fixture(autouse=True)
def _small_limits(settings: Settings) -> None:
    settings.DEVICE_LIMIT, settings.DEVICE_KEYS_PER_YEAR = 2, 3


def grant_of(user: User, key: str, *, now: dt.datetime = START) -> DeviceGrant:
    """An approved log-in of a device with this key."""
    return DeviceGrant.objects.create(
        device_code_digest=f"{key}{DeviceGrant.objects.count()}",
        user_code=f"{DeviceGrant.objects.count():08d}",
        state=DeviceGrant.State.APPROVED,
        client_id=services.CLIENT_ID,
        device_name=f"device {key}",
        thumbprint=key,
        identity_key="x",
        sealing_suite="X25519",
        sealing_key="x",
        sealing_key_signature="x",
        interval=5,
        next_poll_at=now,
        created_at=now,
        expires_at=now + DAY,
        user=user,
    )


def register(user: User, key: str, *, now: dt.datetime = START) -> Device:
    grant = grant_of(user, key, now=now)
    return devices.register_device(grant=grant, address=None, now=now).device


def remove(device: Device, *, now: dt.datetime = START) -> None:
    services.remove_device(user=device.user, device_id=device.pk, now=now)


def test_the_default_is_five_devices_and_ten_keys() -> None:
    base = import_module("marketplace.config.settings.base")

    assert (base.DEVICE_LIMIT, base.DEVICE_KEYS_PER_YEAR) == (5, 10)


def test_a_device_more_than_the_limit_is_refused(ada: User, eve: User) -> None:
    first = register(ada, "a")
    register(ada, "b")

    with pytest.raises(DeviceLimitError, match=r"2 devices at once.*Remove one"):
        register(ada, "c")
    register(eve, "c")  # another account has room of its own
    assert queries.active_devices(ada).count() == 2

    remove(first)
    register(ada, "c")
    with pytest.raises(DeviceLimitError):
        register(ada, "a")  # it came back too late: its place is taken


def test_the_same_key_takes_no_second_place_and_counts_once(ada: User) -> None:
    register(ada, "a")
    first = register(ada, "b")

    again = register(ada, "b", now=START + DAY)

    assert (again.pk, again.registered_at) == (first.pk, START + DAY)
    again.refresh_from_db()
    assert again.first_registered_at == START
    remove(again)
    register(ada, "b", now=START + 2 * DAY)
    left = queries.device_allowance(ada, now=START + 2 * DAY)
    assert (left.active, left.limit, left.new_keys_left, left.next_key_at) == (2, 2, 1, None)


def test_new_keys_are_limited_however_many_were_removed(ada: User) -> None:
    for number, key in enumerate("abc"):
        remove(register(ada, key, now=START + number * DAY))
    later = START + 30 * DAY

    with pytest.raises(DeviceKeysUsedUpError) as caught:
        register(ada, "d", now=later)
    assert "3 new devices in twelve months" in str(caught.value)
    assert "Jan. 11, 2027" in str(caught.value)
    left = queries.device_allowance(ada, now=later)
    assert (left.active, left.new_keys_left, left.next_key_at) == (0, 0, START + KEY_YEAR)

    register(ada, "a", now=later)  # an old key is no new one


def test_a_key_counts_for_twelve_months_to_the_moment(ada: User) -> None:
    for number, key in enumerate("abc"):
        remove(register(ada, key, now=START + number * DAY))
    # To register a key again does not make it younger.
    remove(register(ada, "a", now=START + 200 * DAY))
    moment = START + KEY_YEAR

    with pytest.raises(DeviceKeysUsedUpError):
        register(ada, "d", now=moment - dt.timedelta(microseconds=1))
    register(ada, "d", now=moment)
    with pytest.raises(DeviceKeysUsedUpError):
        register(ada, "e", now=moment)
    assert queries.device_allowance(ada, now=moment).next_key_at == START + DAY + KEY_YEAR


def test_a_limit_of_nothing_names_no_date(ada: User, settings: Settings) -> None:
    settings.DEVICE_KEYS_PER_YEAR = 0

    with pytest.raises(DeviceKeysUsedUpError) as caught:
        register(ada, "a")
    assert "possible again" not in str(caught.value)


def test_the_page_refuses_before_the_approval_and_names_what_could_go(
    ada: User, browser: Client, seeder: FakeSeeder
) -> None:
    now = timezone.now()
    desk, phone = register(ada, "a", now=now), register(ada, "b", now=now)
    code = seeder.begin()["user_code"]
    browser.post("/device/", {"user_code": code})

    page = browser.get("/device/approve/").content.decode()
    assert "2 devices at once" in page
    assert f"/accounts/devices/{desk.pk}/remove/" in page
    assert f"/accounts/devices/{phone.pk}/remove/" in page
    assert 'value="approve"' not in page
    assert 'value="deny"' in page

    grant = DeviceGrant.objects.get(thumbprint=seeder.identity.public.thumbprint)
    approve = {"decision": "approve", "grant": str(grant.pk)}
    answer = browser.post("/device/approve/", approve)
    assert answer.status_code == 409
    assert "2 devices at once" in answer.content.decode()
    grant.refresh_from_db()
    assert grant.state == DeviceGrant.State.PENDING

    browser.post(f"/accounts/devices/{desk.pk}/remove/")
    assert 'value="approve"' in browser.get("/device/approve/").content.decode()
    assert browser.post("/device/approve/", approve).status_code == 302
    assert seeder.poll().status_code == 200


def test_the_page_says_when_a_new_key_is_possible(
    ada: User, browser: Client, seeder: FakeSeeder
) -> None:
    for key in "abc":
        remove(register(ada, key, now=timezone.now()))
    browser.post("/device/", {"user_code": seeder.begin()["user_code"]})
    there = timezone.now() + KEY_YEAR + DAY

    assert f"{there.day}, {there.year}" in browser.get("/device/approve/").content.decode()
    assert "from:" in browser.get("/accounts/devices/").content.decode()


def test_the_place_taken_after_the_approval_leaves_nothing_half_made(
    ada: User, seeder: FakeSeeder
) -> None:
    code = seeder.begin()["user_code"]
    now = timezone.now()
    grant = services.find_grant(user_code=code, now=now)
    services.decide_device_login(grant_id=grant.pk, user=ada, approve=True, now=now)
    first = register(ada, "a", now=now)
    register(ada, "b", now=now)
    tokens, logins, mails = DeviceToken.objects.count(), DeviceLogin.objects.count(), mail.outbox
    sent = len(mails)

    answer = seeder.poll()

    assert refusal(answer) == "device_limit"
    assert "Remove one" in answer.json()["error_description"]
    assert (DeviceToken.objects.count(), DeviceLogin.objects.count()) == (tokens, logins)
    assert Device.objects.count() == 2
    assert len(mail.outbox) == sent
    remove(first)
    DeviceGrant.objects.update(next_poll_at=now)
    assert seeder.poll().status_code == 200


def test_the_devices_page_counts_and_says_what_removal_does(
    ada: User, browser: Client, seeder: FakeSeeder, settings: Settings
) -> None:
    settings.DEVICE_LIMIT = 5
    for key in "ab":
        register(ada, key, now=timezone.now())
    seeder.log_in(ada)

    page = browser.get("/accounts/devices/").content.decode()

    assert "3 of 5 devices" in page
    assert "can fetch nothing any more at once" in page
    assert "goes when it next connects" in page


def test_a_seeder_lists_the_devices_and_removes_one(ada: User, seeder: FakeSeeder) -> None:
    phone = register(ada, "a", now=timezone.now() - DAY)
    remove(register(ada, "b", now=timezone.now() - DAY))
    desk = seeder.log_in(ada)

    body = call(seeder, "GET", "/api/v1/devices").json()

    assert (body["limit"], body["new_keys_left"]) == (2, 0)
    listed: list[dict[str, Any]] = body["devices"]
    assert [(d["id"], d["current"]) for d in listed] == [
        (str(desk.pk), True),
        (str(phone.pk), False),
    ]
    assert listed[1]["name"] == "device a"
    path = f"/api/v1/devices/{phone.pk}"
    assert [call(seeder, "DELETE", path).status_code for _time in range(2)] == [204, 204]
    assert list(queries.active_devices(ada)) == [desk]


def test_devices_of_before_keep_the_time_they_had(ada: User) -> None:
    device = register(ada, "a")
    Device.objects.update(registered_at=F("registered_at") + DAY)
    name = "marketplace.accounts.migrations.0002_device_first_registered_at"

    import_module(name).copy_registered_at(apps, None)

    device.refresh_from_db()
    assert device.first_registered_at == START + DAY


@pytest.mark.race
@pytest.mark.django_db(transaction=True)
def test_of_fifty_rivals_for_one_place_one_gets_it(ada: User, settings: Settings) -> None:
    settings.DEVICE_LIMIT, settings.DEVICE_KEYS_PER_YEAR = 1, RIVALS
    grants = [grant_of(ada, f"key {number}") for number in range(RIVALS)]
    gate = threading.Barrier(RIVALS)

    def run(grant: DeviceGrant) -> DeviceLogin | NoRoomError:
        gate.wait(30)
        try:
            return devices.register_device(grant=grant, address=None, now=START)
        except NoRoomError as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RIVALS) as pool:
        outcomes = list(pool.map(run, grants))

    assert sum(isinstance(outcome, DeviceLogin) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, DeviceLimitError) for outcome in outcomes) == RIVALS - 1
    assert Device.objects.count() == DeviceLogin.objects.count() == 1
