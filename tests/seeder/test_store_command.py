from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from seeder.cli.seat import Seat
from seeder.config import exclusive
from seeder.moving import using_store
from seeder.placement import open_store
from seeder.scrubbing import Scrubber, WholePackage
from tests.seeder.conftest import last_json
from tests.seeder.shop import FakePackage
from tests.seeder.test_playback import Own

Geobuk = Callable[..., Result]


def test_where_it_lies_and_what_it_fills(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own
) -> None:
    own(film)

    shown, value = geobuk("store"), last_json(geobuk("store", "--json"))

    assert f"What you bought lies in {seat.folder.content}." in shown.stderr
    assert "1 package, 922 KB;" in shown.stderr
    assert value == {
        "folder": str(seat.folder.content),
        "there": True,
        "packages": 1,
        "used": seat.store.on_disk(film.id),
        "most": None,
        "free": value["free"],
        "checked": None,
        "moving_to": None,
    }


def test_it_says_until_when_all_was_checked(
    geobuk: Geobuk, seat: Seat, film: FakePackage, album: FakePackage, own: Own
) -> None:
    own(film)
    own(album)
    scrubber = Scrubber(seat.store.scrub_file)
    for moment, package in ((86_400.0 * 365, film), (86_400.0 * 366, album)):
        assert last_json(geobuk("store", "--json"))["checked"] is None
        at = WholePackage("hash", seat.store.package_folder(package.id), lambda: None)
        scrubber.step(package.id, at, now=moment)
        scrubber.remember()

    assert last_json(geobuk("store", "--json"))["checked"] == "1971-01-01T00:00:00+00:00"
    assert "compared with what you bought, at the latest on 197" in geobuk("store").stderr


def test_it_moves_and_everything_still_plays(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)

    moved = last_json(geobuk("store", "move", str(tmp_path / "disk"), "--json"))
    saved = geobuk("save", "Night", str(tmp_path / "film.mp4"))

    assert moved == {"folder": str(tmp_path / "disk")}
    assert saved.exit_code == 0
    assert last_json(geobuk("library", "--json"))["items"][0]["here"] is True
    assert last_json(geobuk("store", "--json"))["folder"] == str(tmp_path / "disk")
    assert not seat.folder.content.exists()


def test_while_a_seeder_runs_or_a_player_plays_it_stays(
    geobuk: Geobuk, seat: Seat, tmp_path: Path
) -> None:
    with exclusive(seat.home.lock_file):
        running = geobuk("store", "move", str(tmp_path / "disk"))
    with using_store(seat.folder):
        playing = geobuk("store", "move", str(tmp_path / "disk"))

    assert (running.exit_code, playing.exit_code) == (1, 1)
    assert "A seeder is running" in running.stderr
    assert "being played" in playing.stderr
    assert open_store(seat.folder).folder == seat.folder.content


def test_a_disk_that_is_not_attached_stops_nothing_else(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)
    geobuk("store", "move", str(tmp_path / "disk"))
    (tmp_path / "disk").rename(tmp_path / "detached")

    shown, library = geobuk("store"), last_json(geobuk("library", "--json"))
    synced = geobuk("sync")
    replaced = geobuk("store", "move", str(tmp_path / "new"), "--start-empty")

    assert "which is not there just now. Attach its disk." in shown.stderr
    assert library["items"][0]["here"] is False
    assert synced.exit_code == 1
    assert "Attach its disk and try again" in " ".join(synced.stderr.split())
    assert replaced.exit_code == 0
    assert open_store(seat.folder).folder == tmp_path / "new"


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("200GB", 200 * 10**9),
        ("1.5 tb", 1_500 * 10**9),
        ("750 MB", 750 * 10**6),
        ("5000", 5000),
        ("none", None),
    ],
)
def test_how_much_it_may_fill(geobuk: Geobuk, seat: Seat, text: str, most: int | None) -> None:
    assert last_json(geobuk("store", "limit", text, "--json")) == {"most": most}
    assert seat.store.most == most  # also in a seeder that has opened it before


@pytest.mark.parametrize("text", ["", "0", "-5GB", "5 GiB", "many", "0.0001"])
def test_a_size_that_is_none_is_refused(geobuk: Geobuk, seat: Seat, text: str) -> None:
    geobuk("store", "limit", "7GB")

    refused = geobuk("store", "limit", "--", text)

    assert refused.exit_code == 1
    assert "is no size. Give it as in 200GB" in refused.stderr
    assert seat.store.most == 7 * 10**9


def test_a_limit_below_what_is_here_deletes_nothing_and_says_so(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own
) -> None:
    own(film)

    said = geobuk("store", "limit", "100KB").stderr

    assert "This shop may fill 100 KB in all." in said
    assert "922 KB are here already. They stay" in said
    assert seat.store.on_disk(film.id) > 900_000
