"""The seeder program and the shop: what is lent opens at one of the two, and comes back."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.handovers import services
from marketplace.handovers.models import Handover
from seeder.cli.seat import Seat, connect
from seeder.config import Home, utc_now
from seeder.errors import DeviceRemovedError, LicenceRefusedError
from seeder.handovers import give_back
from seeder.login import PendingLogin, log_in
from seeder.standing import refresh_library
from seeder.store import Store
from tests.marketplace.handovers.handing import act, begin, own, person

pytestmark = pytest.mark.django_db(transaction=True)
Machine = Callable[[str, User], Seat]


@pytest.fixture
def machine(live_server: LiveServer, settings: Settings, tmp_path: Path) -> Machine:
    """Logs a machine of a person in to the shop."""
    settings.SITE_URL = live_server.url

    def make(name: str, user: User) -> Seat:
        def approve(pending: PendingLogin) -> None:
            now = timezone.now()
            grant = accounts.find_grant(user_code=pending.code.user_code, now=now)
            accounts.decide_device_login(grant_id=grant.pk, user=user, approve=True, now=now)

        home = Home(tmp_path / name)
        shop, folder, device = log_in(
            home, live_server.url, name=name, show=approve, sleep=lambda _seconds: None
        )
        return Seat(home, folder, shop, device, Store(folder.content))

    return make


def look(seat: Seat) -> int:
    """What the daemon does at each look; how many licences went back."""
    with connect(seat) as client:
        sent = give_back(client, seat.folder, seat.device, clock=utc_now)
        refresh_library(client, seat.folder, thumbprint=seat.device.thumbprint, now=utc_now())
    return sent


def play(seat: Seat, package: str, *, offline: bool = False) -> bytes:
    """The first bytes of the song, from ciphertext that a download has brought."""
    content = seat.store.package_folder(package)
    if not content.exists():
        shutil.copytree(Path(django_settings.STORE_DIR) / package, content)
    with connect(seat) as client:
        item = next(item for item in client.library() if item.package == package)
        opened = seat.opener(None if offline else client).open(item, content=content, action="play")
        with opened.open(0) as plain:
            return plain.read_at(0, 4)


def refused(seat: Seat, package: str, *, offline: bool = False) -> str:
    with pytest.raises(LicenceRefusedError) as refusal:
        play(seat, package, offline=offline)
    return str(refusal.value)


def test_a_loan_opens_at_the_borrowers_and_comes_back(machine: Machine) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    package = what.package_id
    desk, hers = machine("desk", ada.user), machine("hers", eve.user)
    assert play(desk, package) == b"fLaC"

    made = begin(ada, eve, what, "loan")
    assert play(desk, package) == b"fLaC"  # until it lets go
    assert look(desk) == 1

    assert "given its licence back" in refused(desk, package)
    assert "given its licence back" in refused(desk, package, offline=True)
    assert play(hers, package) == b"fLaC"
    assert play(hers, package, offline=True) == b"fLaC"
    with connect(hers) as client:
        item = next(item for item in client.library() if item.package == package)
    assert (item.kind, item.may_save, item.active) == ("loan", False, True)

    act(eve, made, "return")
    assert look(hers) == 1
    assert "given back to its owner" in refused(hers, package, offline=True)
    assert play(desk, package) == b"fLaC"
    assert play(desk, package, offline=True) == b"fLaC"
    assert (look(desk), look(hers)) == (0, 0)


def test_a_loan_that_ran_out_opens_at_its_owners_alone(machine: Machine) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    package = what.package_id
    desk, hers = machine("desk", ada.user), machine("hers", eve.user)
    begin(ada, eve, what, "loan")
    assert play(hers, package) == b"fLaC"

    Handover.objects.update(due_at=timezone.now() - dt.timedelta(hours=25))
    assert services.settle_handovers(now=timezone.now()) == 1

    assert play(desk, package) == b"fLaC"
    look(hers)
    assert "given this back" in refused(hers, package)


def test_a_cancelled_transfer_opens_at_home_again(machine: Machine) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    package = what.package_id
    desk, phone = machine("desk", ada.user), machine("phone", ada.user)
    for seat in (desk, phone):
        assert play(seat, package) == b"fLaC"
    made = begin(ada, eve, what, "transfer")
    assert look(desk) == 1
    assert "given its licence back" in refused(desk, package)

    act(ada, made, "cancel")

    assert play(desk, package) == b"fLaC"
    assert look(phone) == 0
    assert play(phone, package, offline=True) == b"fLaC"


def test_a_transfer_and_what_a_copied_folder_keeps(machine: Machine, tmp_path: Path) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    package = what.package_id
    desk, hers = machine("desk", ada.user), machine("hers", eve.user)
    assert play(desk, package) == b"fLaC"
    shutil.copytree(desk.home.root, tmp_path / "copy")
    begin(ada, eve, what, "transfer")
    assert look(desk) == 1
    assert play(hers, package) == b"fLaC"

    shutil.rmtree(desk.home.root)
    shutil.copytree(tmp_path / "copy", desk.home.root)

    # The copy opens offline, as docs/threat-model.md says, and not after it has been online.
    assert play(desk, package, offline=True) == b"fLaC"
    look(desk)
    assert "given its licence back" in refused(desk, package, offline=True)


def test_a_removed_device_lets_go_before_it_hears_of_that(machine: Machine) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    desk = machine("desk", ada.user)
    assert play(desk, what.package_id) == b"fLaC"
    device = Device.objects.get(user=ada.user)
    accounts.remove_device(user=ada.user, device_id=device.pk, now=timezone.now())
    made = begin(ada, eve, what, "transfer")
    page = ada.browser.get(f"/handovers/{made.pk}/").content.decode()
    assert "removed from your account" in page

    with pytest.raises(DeviceRemovedError):
        look(desk)

    assert eve.state(what.package_id) == "active"
    assert not desk.folder.device_file.exists()


def test_nobody_is_asked_who_holds_nothing(machine: Machine) -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    desk = machine("desk", ada.user)
    begin(ada, eve, what, "transfer")

    assert look(desk) == 0
    assert ada.state(what.package_id) == "transferred"
