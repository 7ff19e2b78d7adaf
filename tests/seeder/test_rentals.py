"""Rentals from the licence to the screen: opened, played, stopped, shown; and what is for ever."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from typer.testing import Result

from seeder.cli.seat import Seat, open_seat
from seeder.client import ShopClient
from seeder.config import utc_now
from seeder.errors import LicenceRefusedError
from seeder.opened import OpenedPackage
from seeder.renewals import Renewals
from seeder.standing import refresh_library
from seeder.web.plays import Plays
from seeder.web.ranges import Slice
from seeder.web.server import PlayerServer
from seeder.web.streaming import Body
from tests.seeder.conftest import SONG, last_json
from tests.seeder.lease_desk import HOUR
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_commands import first_json, program
from tests.seeder.test_playback import Own, item_of, open_it, refusal

HOURS = timedelta(hours=1)
Rent = Callable[..., FakePackage]


def at(moment: timedelta) -> Callable[[], datetime]:
    return lambda: utc_now() + moment


def read_all(package: OpenedPackage) -> bytes:
    with package.open(0) as file:
        return file.read_at(0, file.size)


# What is for ever ------------------------------------------------------------


@pytest.mark.parametrize("years", [10, -20])
def test_a_purchase_opens_with_the_shop_dead_the_record_gone_and_any_clock(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, running: Running, years: int
) -> None:
    open_it(seat, shop, own(album))
    running.stop()
    for file in seat.folder.path.glob("record*"):
        file.unlink()

    opened = open_it(seat, shop, album, online=False, clock=at(timedelta(days=365 * years)))

    assert opened.permit is None
    assert read_all(opened) == SONG
    assert not list(seat.folder.path.glob("record*"))


def test_a_purchase_opens_beside_a_record_that_is_torn_or_from_the_future(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own, rent: Rent
) -> None:
    film = rent()
    read_all(open_it(seat, shop, film, clock=at(24 * HOURS)))
    open_it(seat, shop, own(album))

    assert read_all(open_it(seat, shop, album, online=False)) == SONG
    (seat.folder.path / "record.json").write_bytes(b"{")
    assert read_all(open_it(seat, shop, album, online=False)) == SONG


# Opened and played -----------------------------------------------------------


def test_a_rental_opens_online_and_then_offline_until_lease_and_grace_end(
    seat: Seat, shop: FakeShop, rent: Rent, running: Running
) -> None:
    film = rent(window=None)
    assert read_all(open_it(seat, shop, film)) == SONG * 3
    running.stop()

    for hours in (0, 71, 95):
        opened = open_it(seat, shop, film, online=False, clock=at(hours * HOURS))
        assert read_all(opened) == SONG * 3
        assert not opened.online
    code, message = refusal(seat, shop, film, online=False, clock=at(97 * HOURS))
    assert (code, "Go online once" in message) == ("lease_expired", True)
    # A shop that cannot be reached changes neither code nor sentence.
    assert refusal(seat, shop, film, clock=at(98 * HOURS)) == (code, message)


def test_a_rental_that_was_never_online_says_so(seat: Seat, shop: FakeShop, rent: Rent) -> None:
    film = rent()
    shop.failing = [0, 0, 0, 503]  # manifest, licence and status come; the lease does not

    assert refusal(seat, shop, film) == ("trouble", "The shop has trouble.")
    assert refusal(seat, shop, film, online=False)[0] == "lease_missing"
    assert open_it(seat, shop, film).online


def test_fetched_ahead_it_opens_offline(
    seat: Seat, shop: FakeShop, rent: Rent, running: Running
) -> None:
    film = rent()
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        seat.opener(client).prepare(item_of(shop, film))
    running.stop()

    assert read_all(open_it(seat, shop, film, online=False)) == SONG * 3


def test_looking_begins_nothing_and_the_first_byte_begins_the_window(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent(window=2 * HOUR, plays=3)
    opened = open_it(seat, shop, film)
    opened.open(0).close()
    assert opened.permit is not None
    assert opened.permit.decision.begins_window

    read_all(opened)
    read_all(opened)

    later = at(3 * HOURS)
    assert refusal(seat, shop, film, online=False, clock=later)[0] == "window_over"


def test_a_window_that_began_offline_is_told_once_it_stands(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent(play_start_grace=60)
    open_it(seat, shop, film)
    read_all(open_it(seat, shop, film, online=False))
    asked = shop.leases.asked

    open_it(seat, shop, film)
    assert len(asked) == 1  # within the grace it may still be taken back

    for _ in range(2):
        open_it(seat, shop, film, clock=at(timedelta(minutes=2)))
    assert [question["first_play"] is not None for question in asked] == [False, True]


def test_the_next_rental_of_the_same_film_opens(seat: Seat, shop: FakeShop, rent: Rent) -> None:
    film = rent(window=None, plays=1)
    read_all(open_it(seat, shop, film))
    assert refusal(seat, shop, film)[0] == "plays_used_up"

    film.purchase += 1

    assert read_all(open_it(seat, shop, film)) == SONG * 3


def test_plays_that_are_set_aside_one_by_one_are_fetched_one_by_one(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    # Given a shop that hands out one of three plays with each lease.
    film = rent(window=None, plays=3)
    shop.leases.changes = {"plays": 2}
    for told in (0, 1, 1):
        read_all(open_it(seat, shop, film))
        assert shop.leases.asked[-1]["plays"] == told
        assert refusal(seat, shop, film, online=False)[0] == "plays_used_up"
    shop.leases.changes = {"plays": 3}
    assert refusal(seat, shop, film)[0] == "plays_used_up"


def test_a_play_that_began_in_time_outlasts_the_word_that_its_time_is_over(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent(window=2 * HOUR, soft_end=True, hard_cap=HOUR)
    later = [timedelta(0)]
    opened = open_it(seat, shop, film, clock=lambda: utc_now() + later[0])
    read_all(opened)
    film.status = film.state = "expired"
    film.sequence += 1
    later[0] = timedelta(minutes=150)
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        refresh_library(client, seat.folder, thumbprint=seat.device.thumbprint, now=utc_now())

    assert seat.papers(film.id).revocation() is not None
    assert read_all(opened) == SONG * 3
    assert refusal(seat, shop, film, online=False)[0] == "revoked"
    later[0] = timedelta(minutes=181)
    with pytest.raises(LicenceRefusedError, match="has run out"):
        opened.open(0)


def test_a_clock_set_back_plays_after_going_online_once(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent()
    open_it(seat, shop, film)
    read_all(open_it(seat, shop, film, online=False, clock=at(HOURS)))

    assert refusal(seat, shop, film, online=False)[0] == "clock_set_back"
    open_it(seat, shop, film)
    assert read_all(open_it(seat, shop, film, online=False)) == SONG * 3


def test_a_wrong_clock_plays_online_by_the_shops_time(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent()
    long_ago = at(timedelta(days=-2000))

    assert read_all(open_it(seat, shop, film, clock=long_ago)) == SONG * 3
    assert refusal(seat, shop, film, online=False, clock=long_ago)[0] == "clock_set_back"


def test_a_licence_with_an_end_needs_no_lease_and_notices_the_clock(
    seat: Seat, shop: FakeShop, album: FakePackage, own: Own
) -> None:
    shop.expires = (utc_now() + 24 * HOURS).replace(microsecond=0)
    read_all(open_it(seat, shop, own(album)))
    read_all(open_it(seat, shop, album, online=False, clock=at(23 * HOURS)))

    assert refusal(seat, shop, album, online=False)[0] == "clock_set_back"
    assert refusal(seat, shop, album, online=False, clock=at(25 * HOURS))[0] == "expired"
    assert read_all(open_it(seat, shop, album)) == SONG


def test_a_forged_lease_is_named_where_none_is_held_and_harmless_where_one_is(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent()
    shop.leases.answer = "a.b.c"
    code, message = refusal(seat, shop, film)
    assert (code, "was not used" in message) == ("bad_signature", True)

    shop.leases.answer = None
    open_it(seat, shop, film)
    shop.leases.answer = "a.b.c"
    assert read_all(open_it(seat, shop, film, clock=at(40 * HOURS))) == SONG * 3


def test_a_play_that_cannot_be_written_down_does_not_begin(
    seat: Seat, shop: FakeShop, rent: Rent, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = rent(window=None, plays=1)
    opened = open_it(seat, shop, film)

    def full(*_arguments: Any, **_options: Any) -> None:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdopen", full)
        with pytest.raises(LicenceRefusedError, match="Free some space"):
            read_all(opened)
    assert read_all(opened) == SONG * 3


def test_saving_a_rental_is_refused(seat: Seat, shop: FakeShop, rent: Rent) -> None:
    assert refusal(seat, shop, rent(), action="save")[0] == "right_absent"


def test_a_signed_revocation_closes_the_play_and_takes_the_lease(
    seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent()
    opened = open_it(seat, shop, film)
    film.status = film.state = "revoked"
    film.sequence += 1
    assert refusal(seat, shop, film)[0] == "revoked"

    with pytest.raises(Exception, match="withdrawn"):
        opened.open(0)
    with ShopClient(seat.shop, seat.folder, seat.device) as client:
        renewals = Renewals(client, seat.folder, seat.device, clock=utc_now)
        renewals.step([item_of(shop, film)])
    assert film.licence_id not in (seat.folder.path / "record.json").read_text()


# The player page -------------------------------------------------------------


class Player:
    def __init__(self, seat: Seat, shop: FakeShop, film: FakePackage, http: httpx.Client) -> None:
        self.later = timedelta(0)
        self.package = open_it(seat, shop, film, clock=lambda: utc_now() + self.later)
        plays = Plays(clock=utc_now)
        self.server = PlayerServer(plays)
        self.token = plays.add(self.package, shop_name="Test Shop")
        self.http = http

    @property
    def page(self) -> str:
        return self.server.page_url(self.token)

    def get(self, **headers: str) -> httpx.Response:
        return self.http.get(self.server.file_url(self.token, 0, "film.mp4"), headers=headers)

    def state(self) -> dict[str, Any]:
        value = self.http.get(self.page + "state").json()
        assert isinstance(value, dict)
        return value


@pytest.fixture
def player(seat: Seat, shop: FakeShop, rent: Rent) -> Iterator[Callable[..., Player]]:
    servers: list[PlayerServer] = []
    with httpx.Client() as http:

        def make(**rights: Any) -> Player:
            made = Player(seat, shop, rent(**rights), http)
            made.server.__enter__()
            servers.append(made.server)
            return made

        yield make
        for server in servers:
            server.__exit__(None, None, None)


def test_the_page_says_when_to_start_and_until_when_it_plays(
    player: Callable[..., Player],
) -> None:
    film = player(window=2 * HOUR)
    page = film.http.get(film.page).text
    assert "Not started: the first play begins your 2 hours." in page
    assert 'preload="none"' in page
    assert film.state()["stops"] is None
    assert film.http.head(film.server.file_url(film.token, 0, "film.mp4")).status_code == 200
    assert film.package.permit is not None
    assert not film.package.permit.begun

    assert film.get(Range="bytes=0-9").content == (SONG * 3)[:10]

    state = film.state()
    assert state["terms"].startswith("Plays until 2")
    stops = datetime.fromisoformat(state["stops"])
    assert abs(stops - utc_now() - 2 * HOURS) < timedelta(minutes=2)
    korean = film.http.get(film.page, headers={"Accept-Language": "ko"}).text
    assert "까지 재생할 수 있습니다" in korean


def test_a_soft_end_is_told_apart_from_the_end_of_the_rental(player: Callable[..., Player]) -> None:
    film = player(window=2 * HOUR, soft_end=True, hard_cap=HOUR)
    film.get(Range="bytes=0-9")

    words = film.state()["terms"]

    told = [datetime.fromisoformat(at) for at in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d", words)]
    assert words.startswith("Plays until ")
    assert "A play begun before then may go on until " in words
    assert told[1] - told[0] == timedelta(hours=1)


def test_at_the_end_bytes_stop_with_a_sentence(player: Callable[..., Player]) -> None:
    film = player(window=2 * HOUR)
    assert film.get(Range="bytes=0-9").status_code == 206
    film.later = 2 * HOURS + timedelta(seconds=5)

    refused = film.get(Range="bytes=10-19")

    assert refused.status_code == 409
    assert "has run out" in refused.text
    assert film.state()["refusal"].startswith("The time to watch this has run out")


def test_a_stream_that_is_under_way_ends_where_a_segment_ends(
    player: Callable[..., Player],
) -> None:
    film = player(window=2 * HOUR)
    with film.package.open(0) as file:
        slices = asyncio.run(_chunks(film, Body(file, [Slice(0, file.size)])))

    # What was decrypted ahead in time is sent, whole segments of it, and nothing after.
    assert slices == [65480, 4 * 65520]
    refused = film.get()
    assert (refused.status_code, "has run out" in refused.text) == (409, True)


async def _chunks(film: Player, body: Body) -> list[int]:
    """The sizes of the chunks, where the time is over when one is sent and one is ahead."""
    sizes = []

    async def send() -> None:
        async for chunk in body.chunks():
            sizes.append(len(chunk))
            await asyncio.sleep(0.2)
            film.later = 2 * HOURS + timedelta(seconds=5)

    with pytest.raises(LicenceRefusedError, match="has run out"):
        await send()
    return sizes


def test_plays_that_another_window_used_up_are_refused_before_the_first_byte(
    seat: Seat, shop: FakeShop, player: Callable[..., Player]
) -> None:
    film = player(window=None, plays=1)
    package = shop.packages[film.package.item.package]
    read_all(open_it(seat, shop, package, online=False))

    refused = film.get(Range="bytes=0-9")

    assert (refused.status_code, "Every play" in refused.text) == (409, True)
    assert "Every play" in film.state()["refusal"]


def test_closing_the_player_takes_back_a_play_within_its_grace(
    seat: Seat, shop: FakeShop, player: Callable[..., Player]
) -> None:
    film = player(window=None, plays=1, play_start_grace=600)
    assert film.get(Range="bytes=0-9").status_code == 206
    package = shop.packages[film.package.item.package]
    assert refusal(seat, shop, package, online=False)[0] == "plays_used_up"

    film.package.end()

    assert open_it(seat, shop, package, online=False).permit is not None


# The commands ----------------------------------------------------------------


def test_library_status_and_play_say_what_is_left(
    geobuk: Callable[..., Result], seat: Seat, shop: FakeShop, rent: Rent, album: FakePackage
) -> None:
    film = rent(plays=3)

    shown = geobuk("library")
    assert "Rental: not started; 48 hours to play; 3 plays ready on this device" in " ".join(
        shown.stdout.split()
    )
    read_all(open_it(seat, shop, film))
    shown = geobuk("library")
    words = " ".join(shown.stdout.split())
    assert "Rental: 47 hours left; 2 plays ready on this device" in words
    assert "Night Film – Rental: " in words  # on lines of its own, not in a column
    assert words.count("Rental:") == 1  # the album is bought, and says nothing

    by_title = {item["title"]: item for item in last_json(geobuk("library", "--json"))["items"]}
    terms = by_title["Night Film"]["terms"]
    assert (terms["kind"], terms["started"], terms["plays_left"]) == ("rental", True, 2)
    assert by_title["바다의 노래"]["terms"] is None
    items = last_json(geobuk("status", "--json"))["items"]
    assert [i["terms"] and i["terms"]["plays_left"] for i in items if i["package"] == film.id] == [
        2
    ]
    assert "Rental: 47 hours left" in " ".join(geobuk("status").stdout.split())


@pytest.mark.parametrize(
    ("state", "word", "sentence"),
    [
        ("expired", "over", "rent or renew"),
        ("lent", "lent", "comes back"),
        ("revoked", "withdrawn", "withdrawn"),
    ],
)
def test_what_has_ended_is_named_as_what_it_is(
    geobuk: Callable[..., Result], seat: Seat, rent: Rent, state: str, word: str, sentence: str
) -> None:
    rent().state = state

    assert word in geobuk("library", "--all").stdout.split("Rental:")[0]
    refused = last_json(geobuk("play", "night", "--json"))["error"]
    assert (refused["code"], sentence in refused["message"]) == ("revoked", True)


def test_the_shops_signed_sentence_stands_in_the_list(
    geobuk: Callable[..., Result], seat: Seat, shop: FakeShop, rent: Rent, running: Running
) -> None:
    film = rent()
    open_it(seat, shop, film)
    geobuk("library")
    film.status, film.message = "expired", "This rental is over. Rent it again."
    film.sequence += 1
    assert refusal(seat, shop, film)[0] == "revoked"
    running.stop()

    assert "Rental: This rental is over." in " ".join(geobuk("library").stdout.split())


def test_a_play_for_programs_tells_its_terms(seat: Seat, shop: FakeShop, rent: Rent) -> None:
    rent(window=48 * HOUR)
    with program("play", "night", "--json") as process:
        told = first_json(process)
        assert told["terms"]["window_seconds"] == 48 * HOUR
        assert told["terms"]["started"] is False
        process.send_signal(signal.SIGINT)
        process.wait(20)


def test_the_terminal_says_when_it_is_over(seat: Seat, shop: FakeShop, rent: Rent) -> None:
    rent(window=2)
    with program("play", "night", "--json") as process:
        told = first_json(process)
        assert httpx.get(told["url"], headers={"Range": "bytes=0-9"}).status_code == 206
        stopped = first_json(process)["stopped"]
        assert (stopped["code"], "has run out" in stopped["message"]) == ("window_over", True)


def test_a_kill_after_the_first_byte_costs_that_play_alone(
    home: Any, seat: Seat, shop: FakeShop, rent: Rent
) -> None:
    film = rent(window=None, plays=2, play_start_grace=600)
    with program("play", "night", "--json") as process:
        told = first_json(process)
        assert httpx.get(told["url"], headers={"Range": "bytes=0-9"}).status_code == 206
        process.kill()
        process.wait(20)

    opened = open_it(open_seat(None), shop, film, online=False)
    assert opened.permit is not None
    assert opened.permit.decision.plays_left == 1
