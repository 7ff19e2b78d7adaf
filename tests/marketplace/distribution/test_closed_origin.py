"""The origin and buyers' seeders in a closed swarm: real sessions over TLS, the real API."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.catalog.models import Listing
from marketplace.distribution import services
from marketplace.distribution.models import DeviceDownload, OriginState, SwarmLabel
from marketplace.distribution.origin import Origin
from marketplace.distribution.origin_manner import Manner, Others, manner_for
from marketplace.distribution.queries import swarm_sizes
from marketplace.distribution.types import Progress
from marketplace.licensing import services as licensing
from seeder.session import Session, SessionSettings, TorrentState
from seeder.swarming import Swarming, first_label
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.api.calling import call
from tests.marketplace.distribution.announcing import Clock
from tests.marketplace.trade import buy, log_in_device, make_person, sell

pytestmark = [
    pytest.mark.swarm,
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("socket_enabled"),
]

LISTEN = "127.0.0.1:0,127.0.0.1:0s"
Open = Callable[..., Session]


@dataclass
class ApiShop:
    """The shop's API as a buyer's seeder calls it."""

    seeder: FakeSeeder

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        answer = call(self.seeder, method, f"/api/v1{path}", body=json)
        assert answer.status_code == 200, answer.content
        return dict(answer.json())


@pytest.fixture
def open_session(tmp_path: Path) -> Iterator[Open]:
    with contextlib.ExitStack() as stack:

        def opened(name: str, *, label: str = "") -> Session:
            fast = SessionSettings(tcp_only=True, status_seconds=0.1, label=label)
            session = Session(LISTEN, tmp_path / f"{name}-state", settings=fast)
            return stack.enter_context(session)

        yield opened


def open_origin(open_session: Open, *, clock: Clock | None = None) -> tuple[Session, Origin]:
    session = open_session("origin")
    return session, Origin(session, clock=clock or Clock())


class Buyer:
    """Somebody who has bought the listing, with a seeder that is logged in."""

    def __init__(self, name: str, listing: Listing, open_session: Open, folder: Path) -> None:
        self.user, self.order = make_person(name), uuid.uuid4()
        buy(self.user, listing, order_id=self.order)
        seeder = log_in_device(self.user)
        shop = ApiShop(seeder)
        label = first_label(shop)
        assert label is not None
        self.folder = folder / name
        self.session = open_session(name, label=label.text)
        self.swarming = Swarming(shop, self.session, label=label, clock=timezone.now)
        answer = call(seeder, "GET", f"/api/v1/packages/{listing.package_id}/torrent")
        self.info = self.session.add(answer.content, self.folder)

    def report(self, state: str) -> None:
        """Say how the download stands, as the seeder does each second."""
        services.record_progress(
            user=self.user,
            device=self.user.devices.get(),
            items=[Progress(package=self.info.name, state=state, done=0, total=self.info.total)],
            now=timezone.now(),
        )


def start(origin: Origin, session: Session) -> None:
    """Step until the origin seeds and is on record as such."""
    until(lambda: bool(session.snapshot()) and session.snapshot()[0].certified, origin.step)
    until(lambda: OriginState.objects.filter(state="seeding").exists(), origin.step)


def until(condition: Callable[[], bool], *steps: Callable[[], None]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        for step in steps:
            step()
        time.sleep(0.05)


def is_whole(buyer: Buyer) -> bool:
    return buyer.session.snapshot()[0].state is TorrentState.SEEDING


@pytest.mark.parametrize("files", [1, 3])
def test_a_buyer_downloads_from_the_origin_and_another_from_that_buyer(
    open_session: Open, tmp_path: Path, files: int
) -> None:
    listing = sell(files={f"{n}.flac": b"fLaC" * 100_000 for n in range(files)})
    package = listing.package_id
    assert package is not None
    session, origin = open_origin(open_session)
    start(origin, session)
    ada = Buyer("ada", listing, open_session, tmp_path)

    until(lambda: is_whole(ada), ada.swarming.step, origin.step)

    got = sorted((ada.folder / package).iterdir())
    assert [one.name for one in got] == [f"{n:05d}" for n in range(files)]
    assert got[0].read_bytes() == (tmp_path / "store" / package / "00000").read_bytes()
    until(lambda: OriginState.objects.get().uploaded_bytes > 0, origin.step)
    until(lambda: swarm_sizes([package])[package].seeds == 2, ada.swarming.step)
    # The origin is gone: eve gets it of ada.
    session.close()
    OriginState.objects.all().delete()
    eve = Buyer("eve", listing, open_session, tmp_path)
    until(lambda: is_whole(eve), eve.swarming.step, ada.swarming.step)
    assert (eve.folder / package / "00000").read_bytes() == got[0].read_bytes()


def test_opened_and_closed_again_the_origin_follows(open_session: Open, tmp_path: Path) -> None:
    listing, clock = sell(), Clock()
    package = listing.package_id
    assert package is not None
    session, origin = open_origin(open_session, clock=clock)
    origin.step()
    [closed] = session.snapshot()

    services.set_closed(package_id=package, closed=False, now=timezone.now())
    clock.now += 6
    origin.step()
    [opened] = session.snapshot()
    services.set_closed(package_id=package, closed=True, now=timezone.now())
    clock.now += 6
    origin.step()

    assert (closed.closed, opened.closed) == (True, False)
    assert [torrent.info_hash for torrent in session.snapshot()] == [closed.info_hash]


def test_who_gave_it_back_is_cut_by_the_origin_and_gets_nothing_more(
    open_session: Open, tmp_path: Path
) -> None:
    listing, clock = sell(files={"a.flac": b"fLaC" * 4_000_000}), Clock()
    session, origin = open_origin(open_session, clock=clock)
    start(origin, session)
    eve = Buyer("eve", listing, open_session, tmp_path)
    eve.session.set_rates(download=400_000, upload=0)
    until(lambda: eve.session.snapshot()[0].peers > 0, eve.swarming.step, origin.step)

    licensing.revoke(order_id=eve.order, cause="refund:1", now=timezone.now())

    def look_again() -> None:
        clock.now += 6
        origin.step()
        origin.swarming.hurry(eve.info.name)

    until(lambda: not session.peers() or all(p.label == "" for p in session.peers()), look_again)
    assert not is_whole(eve)
    assert SwarmLabel.objects.filter(device=None).exists()


@pytest.mark.parametrize(
    ("others", "manner"),
    [
        (Others(0, 0), Manner()),
        (Others(0, 1), Manner()),
        (Others(0, 2), Manner(super_seeding=True)),
        (Others(1, 5), Manner()),
        (Others(3, 0), Manner(most=7)),
        (Others(9, 9), Manner(most=7)),
    ],
)
def test_the_manner_follows_what_others_have(others: Others, manner: Manner) -> None:
    assert manner_for(others, stepped_back=7) == manner


def test_where_enough_others_share_the_origin_spares_itself_and_is_back_when_they_go(
    open_session: Open, tmp_path: Path, settings: Settings
) -> None:
    settings.ORIGIN_STEPPED_BACK = 40_000
    listing, clock = sell(files={"a.flac": b"fLaC" * 1_000_000}), Clock()
    others = [Buyer(name, listing, open_session, tmp_path) for name in ("bob", "cho", "dan")]
    for other in others:
        other.report("seeding")
    session, origin = open_origin(open_session, clock=clock)
    start(origin, session)
    clock.now += 6
    origin.step()
    eve = Buyer("eve", listing, open_session, tmp_path)
    until(lambda: session.snapshot()[0].uploaded > 0, eve.swarming.step, origin.step)
    assert not is_whole(eve)

    DeviceDownload.objects.all().delete()
    clock.now += 6
    origin.step()

    # At the low rate it would take a hundred seconds.
    until(lambda: is_whole(eve), eve.swarming.step)


def test_two_who_fetch_something_fresh_give_it_to_each_other(
    open_session: Open, tmp_path: Path
) -> None:
    listing, clock = sell(files={"a.flac": b"fLaC" * 2_000_000}), Clock()
    session, origin = open_origin(open_session, clock=clock)
    start(origin, session)
    pair = [Buyer(name, listing, open_session, tmp_path) for name in ("ada", "eve")]
    for one in pair:
        one.report("downloading")
    clock.now += 6
    origin.step()

    steps = [one.swarming.step for one in pair]
    until(lambda: all(is_whole(one) for one in pair), *steps, origin.step)

    until(lambda: session.snapshot()[0].uploaded >= pair[0].info.total)
    assert session.snapshot()[0].uploaded < 1.6 * pair[0].info.total
