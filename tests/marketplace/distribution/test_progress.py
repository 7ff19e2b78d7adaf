from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from django.utils import timezone

from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.distribution import queries, services
from marketplace.distribution.models import DeviceDownload
from marketplace.distribution.types import Progress
from marketplace.messaging.models import Event
from marketplace.messaging.services import user_group
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db

SECOND = dt.timedelta(seconds=1)


@pytest.fixture
def ada() -> User:
    return make_person("ada")


@pytest.fixture
def item(ada: User) -> Progress:
    package = buy(ada, sell()).package_id
    return Progress(package, "downloading", 100, 1000, down_rate=50, peers=2)


@pytest.fixture
def desk(ada: User) -> Device:
    return FakeSeeder().log_in(ada)


def _told(user: User) -> list[dict[str, object]]:
    events = Event.objects.filter(group=user_group(user.pk), kind="download.progress")
    return [event.payload for event in events.order_by("id")]


def test_a_report_is_kept_and_told_to_its_owner(ada: User, desk: Device, item: Progress) -> None:
    kept = services.record_progress(user=ada, device=desk, items=[item], now=timezone.now())

    assert kept == 1
    [download] = queries.downloads_of(ada)
    assert (download.device, download.progress, download.complete) == (desk.name, item, False)
    assert _told(ada) == [
        {
            "device": str(desk.pk),
            "package": item.package,
            "state": "downloading",
            "done": 100,
            "total": 1000,
            "down_rate": 50,
            "up_rate": 0,
            "peers": 2,
        }
    ]


def test_a_later_report_takes_the_place_of_the_earlier(
    ada: User, desk: Device, item: Progress
) -> None:
    now = timezone.now()
    services.record_progress(user=ada, device=desk, items=[item], now=now)
    done = replace(item, state="seeding", done=1000)

    services.record_progress(user=ada, device=desk, items=[done], now=now + SECOND)

    [download] = queries.downloads_of(ada)
    assert (download.progress, download.complete) == (done, True)
    assert [payload["state"] for payload in _told(ada)] == ["downloading", "seeding"]


def test_reports_within_half_a_second_are_heard_only_when_a_state_changes(
    ada: User, desk: Device, item: Progress
) -> None:
    now = timezone.now()
    soon = now + SECOND / 10
    services.record_progress(user=ada, device=desk, items=[item], now=now)

    more = replace(item, done=200)
    kept = services.record_progress(user=ada, device=desk, items=[more], now=soon)
    done = replace(item, state="seeding", done=1000)
    kept_done = services.record_progress(user=ada, device=desk, items=[done], now=soon)

    assert (kept, kept_done) == (0, 1)
    assert [payload["done"] for payload in _told(ada)] == [100, 1000]


def test_what_did_not_change_is_not_told_again(ada: User, desk: Device, item: Progress) -> None:
    now = timezone.now()
    services.record_progress(user=ada, device=desk, items=[item], now=now)

    services.record_progress(user=ada, device=desk, items=[item], now=now + SECOND)

    assert len(_told(ada)) == 1
    assert DeviceDownload.objects.get().updated_at == now + SECOND


def test_what_is_not_ones_own_is_passed_over(ada: User, desk: Device, item: Progress) -> None:
    eve = make_person("eve")
    evil = FakeSeeder().log_in(eve)
    odd = [item, replace(item, package="0" * 64)]

    kept = services.record_progress(user=eve, device=evil, items=odd, now=timezone.now())

    assert kept == 0
    assert DeviceDownload.objects.count() == 0
    assert _told(ada) == _told(eve) == []


def test_an_unknown_state_is_passed_over(ada: User, desk: Device, item: Progress) -> None:
    odd = replace(item, state="flying")

    assert services.record_progress(user=ada, device=desk, items=[odd], now=timezone.now()) == 0


def test_a_removed_device_is_shown_no_more(ada: User, desk: Device, item: Progress) -> None:
    services.record_progress(user=ada, device=desk, items=[item], now=timezone.now())

    accounts.remove_device(user=ada, device_id=desk.pk, now=timezone.now())

    assert queries.downloads_of(ada) == []
