"""`geobuk sync` and `run` in closed swarms: an origin that takes part as the shop's own does."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response
from typer.testing import Result

from seeder.cli.seat import Seat
from seeder.session import Session, SessionSettings
from seeder.swarming import Swarming, first_label
from seeder.torrents import info_hash, read_metainfo, with_authority
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_commands import program
from tests.seeder.test_run import states, wait_for
from tests.swarm.closed import Authority

pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]


class Origin:
    """The platform's seeder in closed swarms; steps in a thread of its own."""

    def __init__(self, shop: FakeShop, folder: Path) -> None:
        self._desk = shop.swarms
        self._folder = folder
        line = shop.swarms.shop("origin")
        label = first_label(line)
        assert label is not None
        settings = SessionSettings(tcp_only=True, status_seconds=0.1, label=label.text)
        self.session = Session("127.0.0.1:0,127.0.0.1:0s", folder / "state", settings=settings)
        self._swarming = Swarming(line, self.session, label=label, clock=shop.swarms.clock)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def seed(self, package: FakePackage) -> None:
        """Close the package's swarm under a new authority, and serve it."""
        authority = Authority.create(package.id)
        self._desk.authorities[package.id] = authority
        package.metainfo = with_authority(package.metainfo, authority.pem)
        if not (self._folder / package.id).exists():
            package.write(self._folder / package.id)
        self.session.add(package.metainfo, self._folder, seed_mode=True)

    def close(self) -> None:
        self._stop.set()
        self._thread.join(10)
        self.session.close()

    def _run(self) -> None:
        while not self._stop.wait(0.1):
            self._swarming.step()


@pytest.fixture
def origin(tmp_path: Path, shop: FakeShop, socket_enabled: None) -> Iterator[Origin]:
    opened = Origin(shop, tmp_path / "origin")
    yield opened
    opened.close()


def test_sync_fetches_from_a_closed_swarm_and_leaves_it(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, album: FakePackage, origin: Origin
) -> None:
    origin.seed(album)

    result = geobuk("sync", "--json")

    assert last_json(result) == {"complete": True, "offline": False, "packages": [album.id]}
    for index, sealed in enumerate(album.sealed):
        assert seat.store.file(album.id, index).read_bytes() == sealed
    events = [event for device, _p, event in shop.swarms.events if device == seat.device.thumbprint]
    assert (events[0], events[-1]) == ("started", "stopped")
    assert shop.announces == []  # nobody asked the tracker
    assert set(shop.swarms.labels.values()) == {"origin", seat.device.thumbprint}


def test_run_shares_in_a_closed_swarm_and_goes_over_where_the_torrent_is_replaced(
    seat: Seat, shop: FakeShop, running: Running, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    desk, device = shop.swarms, seat.device.thumbprint
    with program("run", "--json") as process:
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        wait_for(lambda: any(d == device and e == "completed" for d, _p, e in desk.events))
        wait_for(lambda: shop.sockets)

        # The authority is replaced: another torrent of the same files.
        origin.session.remove(info_hash(film.metainfo))
        open_one = with_authority(film.metainfo, None)
        film.metainfo = open_one
        origin.seed(film)
        desk.changed.add(film.id)
        running.tell("swarm.changed", package=film.id)
        wait_for(lambda: _kept(seat, film) == info_hash(film.metainfo))
        desk.changed.clear()
        wait_for(lambda: desk.certificates.count((device, film.id)) >= 2)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})

        # A word of the shop that its right has ended takes it out of the swarm at the shop.
        desk.out.add((device, film.id))
        running.tell("swarm.changed", package=film.id)
        wait_for(lambda: not any(desk.labels[label] == device for label in desk.swarms[film.id]))
        process.terminate()
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")


def test_a_start_without_the_shop_takes_part_when_it_is_back(
    seat: Seat, shop: FakeShop, running: Running, film: FakePackage, origin: Origin, geobuk: Geobuk
) -> None:
    origin.seed(film)
    assert geobuk("sync").exit_code == 0
    desk, device = shop.swarms, seat.device.thumbprint
    before = len(desk.labels)
    shop.failing = [500] * 3  # the label, and what is asked first

    with program("run", "--json") as process:
        wait_for(
            lambda: any(desk.labels[label] == device for label in desk.swarms[film.id]), seconds=40
        )
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        process.terminate()
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert len(desk.labels) == before + 1


def test_the_end_does_not_wait_for_a_shop_that_hangs(
    seat: Seat, shop: FakeShop, running: Running, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    heard = threading.Event()

    def hang(_request: Request) -> Response | None:
        heard.wait(20)
        return None

    with program("run", "--json") as process:
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        shop.squatter = hang
        began = time.monotonic()
        process.terminate()
        process.communicate(timeout=20)
        seconds = time.monotonic() - began
        heard.set()

    assert process.returncode == 0
    assert seconds < 8  # five for the session and its threads, and some for a busy machine


def _kept(seat: Seat, package: FakePackage) -> str:
    metainfo = seat.store.torrent(package.id)
    return read_metainfo(metainfo).info_hash if metainfo else ""
