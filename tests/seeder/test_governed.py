"""The owner's limits while the program runs: real sessions, and the real `geobuk run`."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result

from seeder.bandwidth import Preferences, Used
from seeder.cli.seat import Seat
from seeder.config import Home, read_json, utc_now
from seeder.governor import Governor, Most
from seeder.preferences import preferences_file, save_preferences
from seeder.schedule import parse_rule
from seeder.session import Session, TorrentState
from seeder.usage import UsageFile
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakePackage, FakeShop
from tests.seeder.test_commands import program
from tests.seeder.test_run import LOCAL, Origin, origin, wait_for
from tests.swarm.content import Content, make_content

__all__ = ["origin"]  # a fixture
pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]
MEGA = 1_000_000


class Clock:
    """A clock that stands where it is put."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin-content", [8 * MEGA])


@pytest.fixture
def sessions(tmp_path: Path, socket_enabled: None) -> Iterator[tuple[Session, Session]]:
    with (
        Session("127.0.0.1:0", tmp_path / "s0", settings=LOCAL) as first,
        Session("127.0.0.1:0", tmp_path / "s1", settings=LOCAL) as second,
    ):
        yield first, second


def governor(home: Home, session: Session, **more: Any) -> Governor:
    return Governor(home, session, whole=lambda _: False, clock=more.pop("clock", utc_now), **more)


def month() -> str:
    return f"{utc_now().astimezone():%Y-%m}"


def test_what_is_off_is_off_before_anything_is_added(
    home: Home, sessions: tuple[Session, Session], content: Content, tmp_path: Path
) -> None:
    save_preferences(home, Preferences(sharing=False))
    owner, other = sessions
    other.add(content.metainfo, tmp_path / "other")
    with Governor(home, owner, whole=lambda _: True, clock=utc_now) as governing:
        held = governing.holds(content.name)
        owner.add(content.metainfo, content.save_path, seed_mode=True, paused=held)
        other.connect_peer(content.info_hash, ("127.0.0.1", owner.port))
        owner.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=10)
        time.sleep(2)  # the absence of an event has no condition to wait for

        assert held
        assert other.snapshot()[0].done == 0
        assert governing.state()["reason"] == "off"
        # Turned on, it is given within seconds.
        save_preferences(home, Preferences())
        other.connect_peer(content.info_hash, ("127.0.0.1", owner.port))
        other.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)


def test_downloads_that_are_off_stand_still_and_go_on(
    home: Home, sessions: tuple[Session, Session], content: Content, tmp_path: Path
) -> None:
    save_preferences(home, Preferences(down=-1))
    seed, owner = sessions
    seed.add(content.metainfo, content.save_path, seed_mode=True)
    with governor(home, owner) as governing:
        held = governing.holds(content.name)
        owner.add(content.metainfo, tmp_path / "owner", paused=held)
        owner.connect_peer(content.info_hash, ("127.0.0.1", seed.port))
        owner.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=10)
        time.sleep(1.5)

        assert owner.snapshot()[0].done == 0
        assert not governing.fetching
        save_preferences(home, Preferences())
        wait_for(lambda: owner.snapshot()[0].state is not TorrentState.PAUSED)
        owner.connect_peer(content.info_hash, ("127.0.0.1", seed.port))
        owner.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)


def test_a_budget_ends_the_sharing_and_the_next_month_begins_it(
    home: Home, sessions: tuple[Session, Session], content: Content, tmp_path: Path
) -> None:
    save_preferences(home, Preferences(month_up=3 * MEGA))
    clock = Clock(datetime(2026, 11, 20, 12, tzinfo=UTC))
    owner, other = sessions
    owner.add(content.metainfo, content.save_path, seed_mode=True)
    other.add(content.metainfo, tmp_path / "other")
    with governor(home, owner, clock=clock) as governing:
        other.connect_peer(content.info_hash, ("127.0.0.1", owner.port))
        wait_for(lambda: not governing.state()["sharing"], seconds=60)
        owner.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=10)
        state = governing.state()

        assert state["reason"] == "month"
        # The last goes slowly, so the budget is not overrun by more than a second of that.
        assert 3 * MEGA <= state["sent"] < 3.5 * MEGA
        assert other.snapshot()[0].done < 3.5 * MEGA
        clock.now = datetime(2026, 12, 2, 12, tzinfo=UTC)
        wait_for(lambda: governing.state()["sharing"])
        assert governing.state()["month"] == "2026-12"
    months = UsageFile(home).load()
    assert 3 * MEGA <= months["2026-11"].up < 3.5 * MEGA


def test_the_schedule_is_followed_by_the_clock(
    home: Home, sessions: tuple[Session, Session]
) -> None:
    wall = datetime(2026, 11, 25, 17, 59).astimezone()
    clock = Clock(wall)
    save_preferences(
        home, Preferences(up=9 * MEGA, schedule=(parse_rule("wed 09:00-18:00 up=0.5 down=2"),))
    )
    with governor(home, sessions[0], clock=clock, most=Most(down=MEGA)) as governing:
        during = governing.state()
        clock.now = datetime(2026, 11, 25, 18, 0).astimezone()
        wait_for(lambda: governing.state()["up"] == 9 * MEGA)

    assert (during["up"], during["reason"]) == (500_000, "schedule")
    # What a command was told holds too, where it is stricter.
    assert (during["down"], during["down_reason"]) == (MEGA, "limit")
    assert datetime.fromisoformat(during["until"]) == datetime(2026, 11, 25, 18).astimezone()


def test_what_libtorrent_cannot_count_is_no_limit(
    home: Home, sessions: tuple[Session, Session]
) -> None:
    save_preferences(home, Preferences(month_up=10**17))
    with governor(home, sessions[0], most=Most(up=10**12)) as governing:
        governing.look()

        assert governing.sharing


def test_limits_that_cannot_be_read_send_nothing_and_say_so(
    home: Home, sessions: tuple[Session, Session]
) -> None:
    save_preferences(home, Preferences(down=2 * MEGA))
    with governor(home, sessions[0]) as governing:
        preferences_file(home).write_text('{"v": 1, "sharing": fals}')
        wait_for(lambda: not governing.state()["sharing"])
        broken = governing.state()
        save_preferences(home, Preferences())
        wait_for(lambda: governing.state()["sharing"])

    assert broken["reason"] == "unreadable"
    assert "geobuk limits --reset" in broken["note"]
    assert (broken["fetching"], broken["down"]) == (True, 2 * MEGA)


def test_the_month_is_counted_from_one_session_to_the_next(
    home: Home, sessions: tuple[Session, Session], content: Content, tmp_path: Path
) -> None:
    UsageFile(home).save({month(): Used(5 * MEGA, 0)})
    owner, other = sessions
    owner.add(content.metainfo, content.save_path, seed_mode=True)
    other.add(content.metainfo, tmp_path / "other")
    with governor(home, owner) as governing:
        other.connect_peer(content.info_hash, ("127.0.0.1", owner.port))
        other.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)
        wait_for(lambda: governing.state()["sent"] >= 13 * MEGA)

    assert 13 * MEGA <= UsageFile(home).load()[month()].up < 15 * MEGA


def bandwidth(seat: Seat) -> dict[str, Any]:
    record = read_json(seat.home.state_file) or {}
    found = record.get("bandwidth")
    return found if isinstance(found, dict) else {}


def item_states(seat: Seat) -> list[str]:
    record = read_json(seat.home.state_file) or {"items": []}
    return [item["state"] for item in record["items"]]


def test_run_follows_the_limits_command(
    geobuk: Geobuk, seat: Seat, film: FakePackage, origin: Origin, tmp_path: Path
) -> None:
    origin.seed(film)
    with program("run", "--json"):
        wait_for(lambda: item_states(seat) == ["seeding"])
        began = time.monotonic()
        geobuk("limits", "--up", "0.5", "--sharing", "off")
        wait_for(lambda: bandwidth(seat).get("sharing") is False, seconds=10)
        took = time.monotonic() - began
        wait_for(lambda: item_states(seat) == ["paused"])
        status = geobuk("status")
        nothing_missing = geobuk("sync", "--json")

        assert took < 8  # two looks of a second each, on a machine that is busy with tests
        assert "Sharing is off: nothing is sent." in status.stderr
        assert "This month: sent" in status.stderr
        assert "reachable" in status.stderr.lower()
        assert last_json(nothing_missing)["complete"] is True
        geobuk("limits", "--sharing", "on")
        wait_for(lambda: item_states(seat) == ["seeding"])
        assert bandwidth(seat)["up"] == 500_000
    assert "nothing is sent" in geobuk("status").stderr


def test_a_whole_purchase_is_never_announced_while_sharing_is_off(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    geobuk("sync")
    geobuk("limits", "--sharing", "off")
    shop.announces.clear()

    with program("run", "--json"):
        wait_for(lambda: item_states(seat) == ["paused"])
        time.sleep(2)
        record = read_json(seat.home.state_file) or {}

    assert not shop.announces
    assert record["items"][0]["done"] == record["items"][0]["total"]


def test_what_rots_while_sharing_is_off_is_mended_and_stays_unshared(
    geobuk: Geobuk, seat: Seat, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    geobuk("sync")
    geobuk("limits", "--sharing", "off")
    path = seat.store.file(film.id, 0)

    with program("run", "--json"):
        wait_for(lambda: item_states(seat) == ["paused"])
        rotten = bytearray(path.read_bytes())
        rotten[-1] ^= 1
        path.write_bytes(rotten)
        seat.papers(film.id).doubt()
        wait_for(lambda: path.read_bytes() == film.sealed[0], seconds=60)
        wait_for(lambda: item_states(seat) == ["paused"] and seat.here(film.id))

    assert origin.session.snapshot()[0].downloaded == 0


def test_sync_fetches_with_sharing_off_and_refuses_with_downloads_off(
    geobuk: Geobuk, seat: Seat, film: FakePackage, album: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    origin.seed(album)
    geobuk("limits", "--sharing", "off", "--down", "off")

    refused = geobuk("sync", "--json")
    geobuk("limits", "--down", "none")
    done = geobuk("sync", "--json")

    assert last_json(refused)["error"]["code"] == "not_complete"
    assert "limits let nothing be fetched" in last_json(refused)["error"]["message"]
    assert last_json(done)["complete"] is True
    assert seat.here(film.id)
    assert seat.here(album.id)
    months = json.loads((seat.home.root / "usage.json").read_text())["months"]
    assert months[month()]["down"] > len(film.sealed[0])


def test_what_sync_sends_can_be_seen_meanwhile(
    geobuk: Geobuk, seat: Seat, film: FakePackage, album: FakePackage, origin: Origin
) -> None:
    origin.seed(film)  # and the album from nobody, so that it goes on

    with program("sync", "--json"):
        wait_for(lambda: "seeding" in item_states(seat))
        status = last_json(geobuk("status", "--json"))

    assert status["running"] is True
    assert status["bandwidth"]["sharing"] is True
    assert status["bandwidth"]["fetched"] > len(film.sealed[0])
    assert {item["package"] for item in status["items"]} == {film.id, album.id}
