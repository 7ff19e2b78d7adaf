"""The daemon renews leases in good time, and at once when the shop says that terms changed."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from seeder.cli.seat import Seat
from seeder.client import ShopClient
from seeder.config import utc_now
from seeder.renewals import Renewals
from tests.seeder.conftest import SONG
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_commands import program
from tests.seeder.test_playback import Own, item_of, open_it
from tests.seeder.test_rentals import HOURS, Rent, at, read_all


def test_renewals_come_in_good_time_and_at_once_when_terms_change(
    seat: Seat, shop: FakeShop, rent: Rent, album: FakePackage, own: Own, running: Running
) -> None:
    film = rent()
    open_it(seat, shop, film)
    open_it(seat, shop, own(album))
    items = [item_of(shop, film), item_of(shop, album)]
    later = [timedelta(0)]
    with ShopClient(seat.shop, seat.folder, seat.device, sleep=lambda _: None) as client:
        renewals = Renewals(client, seat.folder, seat.device, clock=lambda: utc_now() + later[0])
        renewals.step(items)
        renewals.step(items)
        assert len(shop.leases.asked) == 1
        renewals.hurry(changed=True)
        renewals.step(items)
        assert len(shop.leases.asked) == 2
        later[0] = 37 * HOURS
        renewals.step(items)
        assert len(shop.leases.asked) == 3
        running.stop()
        later[0] = 80 * HOURS
        renewals.step(items)  # nobody answers, and nothing is lost
    assert read_all(open_it(seat, shop, film, online=False, clock=at(80 * HOURS))) == SONG * 3


def test_a_licence_with_another_end_is_fetched_when_the_shop_says_so(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    shop.expires = utc_now() + HOURS
    open_it(seat, shop, own(album))
    shop.expires = utc_now() + 48 * HOURS
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        renewals = Renewals(client, seat.folder, seat.device, clock=utc_now)
        renewals.hurry(changed=True)
        renewals.step([item_of(shop, album)])

    assert open_it(seat, shop, album, online=False, clock=at(30 * HOURS)).permit is not None


@pytest.mark.swarm
def test_the_daemon_renews_when_the_shop_says_that_terms_changed(
    seat: Seat, shop: FakeShop, rent: Rent, running: Running
) -> None:
    film = rent()
    open_it(seat, shop, film)
    with program("run", "--json") as process:
        wait_for(lambda: shop.sockets)
        running.tell("licence.changed", package=film.id)
        wait_for(lambda: len(shop.leases.asked) >= 2)
        process.send_signal(signal.SIGINT)
        process.wait(20)


def wait_for(condition: Callable[[], Any]) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
