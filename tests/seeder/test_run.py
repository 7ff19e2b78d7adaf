"""`geobuk sync` and `run` over real BitTorrent: an origin session on 127.0.0.1 and our fake shop."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse
from typer.testing import Result

from drm.keys import IdentityKey
from seeder.cli.seat import Seat, open_seat
from seeder.config import read_json
from seeder.session import Session, SessionSettings
from tests.seeder.conftest import SONG, last_json
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_commands import first_json, program

pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]
LOCAL = SessionSettings(tcp_only=True, status_seconds=0.1)


class Origin:
    """The platform's seeder, as the tracker of the fake shop names it."""

    def __init__(self, session: Session, folder: Path) -> None:
        self.session = session
        self.folder = folder

    def seed(self, package: FakePackage) -> FakePackage:
        package.write(self.folder / package.id)
        self.session.add(package.metainfo, self.folder, seed_mode=True)
        return package


@pytest.fixture
def origin(tmp_path: Path, shop: FakeShop) -> Iterator[Origin]:
    with Session("127.0.0.1:0", tmp_path / "origin-state", settings=LOCAL) as session:
        shop.origin = ("127.0.0.1", session.port)
        yield Origin(session, tmp_path / "origin")


def wait_for(condition: Callable[[], Any], *, seconds: float = 20) -> Any:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError("it did not happen in time")


def states(seat: Seat) -> dict[str, str]:
    record = read_json(seat.home.state_file) or {"items": []}
    return {item["title"]: item["state"] for item in record["items"]}


def test_sync_fetches_everything_and_ends(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, album: FakePackage, origin: Origin
) -> None:
    origin.seed(album)

    result = geobuk("sync", "--json")

    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert result.exit_code == 0
    assert lines[-1] == {"complete": True, "offline": False, "packages": [album.id]}
    for index, sealed in enumerate(album.sealed):
        assert seat.store.file(album.id, index).read_bytes() == sealed
    assert seat.here(album.id)
    assert seat.papers(album.id).licence() is not None
    assert shop.announces
    assert set(shop.announces) == {seat.device.thumbprint}


def test_sync_of_nothing_ends_at_once(geobuk: Geobuk, seat: Seat) -> None:
    assert last_json(geobuk("sync", "--json")) == {
        "complete": True,
        "offline": False,
        "packages": [],
    }


def test_sync_without_the_shop_is_content_where_all_is_here(
    geobuk: Geobuk, seat: Seat, album: FakePackage, origin: Origin, running: Running
) -> None:
    origin.seed(album)
    geobuk("sync")
    running.stop()

    result = geobuk("sync")

    assert result.exit_code == 0
    assert "All here: 1 purchase" in result.stderr
    assert "The shop cannot be reached" in result.stderr
    # What is missing cannot be fetched, and that stays an error.
    seat.store.forget(album.id)
    refused = geobuk("sync")
    assert refused.exit_code == 1
    assert "cannot be reached" in refused.stderr


def test_sync_says_what_keeps_it_back(
    geobuk: Geobuk, seat: Seat, shop: FakeShop, album: FakePackage, film: FakePackage
) -> None:
    # Given a torrent of other bytes than the manifest signs.
    album.metainfo = film.metainfo
    del shop.packages[film.id]

    result = geobuk("sync", "--json")

    error = last_json(result)["error"]
    assert (result.exit_code, error["code"]) == (1, "not_complete")
    assert "other bytes than its own manifest signs" in error["message"]
    assert not seat.here(album.id)


def test_changed_bytes_are_mended_by_sync(
    geobuk: Geobuk,
    seat: Seat,
    album: FakePackage,
    origin: Origin,
) -> None:
    origin.seed(album)
    geobuk("sync")
    path = seat.store.file(album.id, 0)
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)

    refused = geobuk("play", "바다", "--json")
    assert last_json(refused)["error"]["code"] == "changed_bytes"
    assert last_json(geobuk("sync", "--json"))["complete"] is True

    assert path.read_bytes() == album.sealed[0]


def test_play_fetches_what_is_missing_and_then_plays(
    seat: Seat, film: FakePackage, album: FakePackage, origin: Origin
) -> None:
    origin.seed(film)

    with program("play", "night", "--json") as process:
        value = first_json(process)
        while "url" not in value:
            value = first_json(process)
        assert httpx.get(value["url"]).content == film.plain[0]

    assert not seat.here(album.id)


def test_run_follows_the_shop(
    seat: Seat,
    shop: FakeShop,
    running: Running,
    film: FakePackage,
    origin: Origin,
    geobuk: Geobuk,
    tmp_path: Path,
) -> None:
    origin.seed(film)
    with program("run", "--json") as process:
        # What is bought comes, is shared, and is reported.
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        wait_for(lambda: any(p["state"] == "seeding" for p in shop.progress))
        assert {p["package"] for p in shop.progress} == {film.id}
        wait_for(lambda: shop.sockets)

        # Another command reads the same store beside it.
        target = tmp_path / "copy.mp4"
        assert geobuk("save", "night", str(target)).exit_code == 0
        assert target.read_bytes() == film.plain[0]
        assert last_json(geobuk("sync", "--json"))["complete"] is True
        assert last_json(geobuk("status", "--json"))["running"] is True

        # A new purchase is told by the socket.
        song = origin.seed(shop.add("Song", [("song.flac", "audio/flac", SONG)]))
        running.tell("library.changed")
        wait_for(lambda: states(seat).get("Song") == "seeding")
        assert seat.here(song.id)

        # A word that nobody signed takes nothing away.
        song.state = "revoked"
        asked = f"GET /api/v1/licences/{song.licence_id}/status"
        running.tell("licence.revoked", package=song.id)
        wait_for(lambda: asked in shop.calls)
        wait_for(lambda: shop.progress and states(seat).get("Song") == "seeding")
        assert seat.papers(song.id).stands()

        # A refund takes it out of the swarm and closes it, also by a key that is new by now.
        shop.issuer = IdentityKey.generate()
        shop.refund(song)
        running.tell("licence.revoked", package=song.id)
        wait_for(lambda: "Song" not in states(seat))
        assert open_seat(None).papers(song.id).revocation() is not None
        assert last_json(geobuk("play", "song", "--json"))["error"]["code"] == "revoked"

        process.terminate()
        _, err = process.communicate(timeout=20)

    assert (process.returncode, err) == (0, "")


def test_run_ends_when_the_device_is_removed(seat: Seat, shop: FakeShop, running: Running) -> None:
    with program("run", "--json") as process:
        wait_for(lambda: shop.sockets)
        shop.removed.add(seat.device.thumbprint)
        running.tell("device.removed")
        out, _ = process.communicate(timeout=20)

    assert process.returncode == 1
    assert json.loads(out.splitlines()[-1])["error"]["code"] == "device_removed"
    assert not seat.folder.device_file.exists()


def test_run_goes_on_where_nobody_signs_that_the_device_was_removed(
    seat: Seat, shop: FakeShop, running: Running, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    gone = {"code": "device_removed", "message": "Gone."}
    with program("run", "--json") as process:
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        wait_for(lambda: shop.sockets)
        shop.squatter = lambda _request: JSONResponse(gone, 401)
        running.tell("device.removed")
        wait_for(lambda: "no proof of it" in (read_json(seat.home.state_file) or {})["note"])
        assert states(seat) == {"Night Film": "seeding"}
        process.terminate()
        process.communicate(timeout=20)

    assert process.returncode == 0
    assert seat.folder.device_file.exists()
    assert seat.folder.tokens_file.exists()


def test_run_goes_on_while_the_shop_is_away_and_after_kill(
    seat: Seat, shop: FakeShop, running: Running, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    with program("run", "--json") as process:
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        process.kill()
        process.communicate()
    seat.home.state_file.unlink()

    with program("run", "--json") as process:
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
        running.stop()
        before = (read_json(seat.home.state_file) or {})["updated_at"]
        wait_for(lambda: (read_json(seat.home.state_file) or {})["updated_at"] > before)
        assert states(seat) == {"Night Film": "seeding"}
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0

    # It also starts while the shop is away: what is here is shared.
    with program("run", "--json") as process:
        value = first_json(process)
        while not value["note"]:
            value = first_json(process)
        assert (value["online"], "cannot be reached" in value["note"]) == (False, True)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"})
