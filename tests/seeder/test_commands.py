from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import Result

from seeder.cli.seat import Seat
from seeder.config import exclusive, write_json
from tests.seeder.conftest import SONG, last_json
from tests.seeder.shop import FakePackage, FakeShop, Running
from tests.seeder.test_playback import Own

Geobuk = Callable[..., Result]


@contextmanager
def program(*arguments: str, first: str = "") -> Iterator[subprocess.Popen[str]]:
    """The real program in a process of its own, stopped by Ctrl-C if it still runs.

    `first` is what is set before it starts, as shorter pauses.
    """
    with subprocess.Popen(
        [sys.executable, "-c", f"{first}\nfrom seeder.cli import main; main()", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ,
    ) as process:
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def first_json(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    value = json.loads(process.stdout.readline())
    assert isinstance(value, dict)
    return value


def test_help_starts_quickly_and_without_the_heavy_parts() -> None:
    code = (
        "import sys; sys.argv = ['geobuk', '--help']\n"
        "from seeder.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "heavy = {'libtorrent', 'httpx', 'uvicorn', 'starlette', 'cryptography', 'django'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert shown.stdout.strip().endswith("[]")
    for command in ("login", "library", "sync", "run", "play", "save", "status", "devices"):
        assert command in shown.stdout


def test_version(geobuk: Geobuk) -> None:
    assert geobuk("--version").stdout == "geobuk 0.1.0\n"


def test_the_library(geobuk: Geobuk, seat: Seat, album: FakePackage, own: Own) -> None:
    own(album)

    shown = geobuk("library")
    value = last_json(geobuk("library", "--json"))

    assert "바다의 노래" in shown.stdout
    assert album.id[:8] in shown.stdout
    assert value["offline"] is False
    assert [(i["title"], i["here"], i["state"]) for i in value["items"]] == [
        ("바다의 노래", True, "active")
    ]


def test_the_library_offline_is_the_last_copy_and_says_so(
    geobuk: Geobuk, seat: Seat, album: FakePackage, running: Running
) -> None:
    geobuk("library")
    running.stop()

    shown, value = geobuk("library"), last_json(geobuk("library", "--json"))

    assert shown.exit_code == 0
    assert "바다의 노래" in shown.stdout
    assert "cannot be reached; this is the list of" in shown.stderr
    assert value["offline"] is True


def test_the_library_offline_without_a_copy(geobuk: Geobuk, seat: Seat, running: Running) -> None:
    running.stop()

    result = geobuk("library")

    assert (result.exit_code, result.stdout) == (1, "")
    assert "no copy of your library here yet" in result.stderr


def test_an_empty_library(geobuk: Geobuk, seat: Seat) -> None:
    assert "Nothing bought yet" in geobuk("library").stderr
    assert last_json(geobuk("library", "--json"))["items"] == []


def test_saving_one_file(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)
    target = tmp_path / "copy.mp4"

    value = last_json(geobuk("save", "night", str(target), "--json"))

    assert value == {"saved": [str(target)], "size": len(film.plain[0])}
    assert target.read_bytes() == film.plain[0]
    assert {p.name for p in tmp_path.iterdir()} == {"home", "copy.mp4"}


def test_saving_does_not_overwrite_without_force(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)
    target = tmp_path / "copy.mp4"
    target.write_text("mine")

    refused = geobuk("save", "night", str(target))
    assert (refused.exit_code, "--force" in refused.stderr) == (1, True)
    assert target.read_text() == "mine"

    assert geobuk("save", "night", str(target), "--force").exit_code == 0
    assert target.read_bytes() == film.plain[0]


def test_saving_into_a_folder_takes_the_files_own_name(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)

    geobuk("save", "night", str(tmp_path))

    assert (tmp_path / "film.mp4").read_bytes() == film.plain[0]


def test_saving_several_files_makes_a_folder(
    geobuk: Geobuk, seat: Seat, album: FakePackage, own: Own, tmp_path: Path
) -> None:
    album.may_save = True
    own(album)
    folder = tmp_path / "앨범"

    assert geobuk("save", "바다", str(folder)).exit_code == 0

    assert {p.name: p.read_bytes() for p in folder.iterdir()} == {
        "01 파도.flac": SONG,
        "02 섬.flac": SONG[::-1],
        "빈 파일.txt": b"",
    }
    assert geobuk("save", "바다", str(folder)).exit_code == 1
    assert geobuk("save", "바다", str(folder), "--force").exit_code == 0


def test_several_files_get_a_folder_of_their_own_where_other_files_are(
    geobuk: Geobuk, seat: Seat, album: FakePackage, own: Own, tmp_path: Path
) -> None:
    album.may_save = True
    package = own(album)
    (tmp_path / "letter.txt").write_text("mine")
    folder = tmp_path / package.title

    assert geobuk("save", "바다", str(tmp_path)).exit_code == 0
    assert (folder / "01 파도.flac").read_bytes() == SONG
    again = geobuk("save", "바다", str(tmp_path))
    assert (again.exit_code, f"{folder} is there already" in again.stderr) == (1, True)
    assert geobuk("save", "바다", str(tmp_path), "--force").exit_code == 0

    assert {p.name for p in tmp_path.iterdir()} == {"home", "letter.txt", package.title}


def test_saving_what_the_seller_keeps(
    geobuk: Geobuk, seat: Seat, album: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(album)

    result = geobuk("save", "바다", str(tmp_path / "x"), "--json")

    assert result.exit_code == 1
    assert last_json(result)["error"]["code"] == "right_absent"
    assert not (tmp_path / "x").exists()


def test_saving_changed_bytes_leaves_nothing(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    path = seat.store.file(own(film).id, 0)
    data = bytearray(path.read_bytes())
    data[5 * 65536] ^= 1
    path.write_bytes(data)

    result = geobuk("save", "night", str(tmp_path / "copy.mp4"))

    assert (result.exit_code, "changed bytes" in result.stderr) == (1, True)
    assert [p.name for p in tmp_path.iterdir()] == ["home"]


def test_saving_to_a_place_that_is_none(
    geobuk: Geobuk, seat: Seat, film: FakePackage, own: Own, tmp_path: Path
) -> None:
    own(film)

    result = geobuk("save", "night", str(tmp_path / "no" / "copy.mp4"))

    assert (result.exit_code, "There is no folder" in result.stderr) == (1, True)


def test_refusals_reach_the_person_and_the_program(
    geobuk: Geobuk,
    seat: Seat,
    shop: FakeShop,
    album: FakePackage,
    film: FakePackage,
    own: Own,
    running: Running,
) -> None:
    own(album)
    own(film)

    shop.add("Night Film II", [("film.mp4", "video/mp4", SONG)])
    unknown, vague = geobuk("play", "moon"), geobuk("play", "night", "--json")
    shop.refund(album)
    withdrawn = geobuk("play", "바다", "--json")
    running.stop()
    offline = geobuk("play", "바다", "--json")

    assert (unknown.exit_code, "Nothing in your library" in unknown.stderr) == (1, True)
    assert last_json(vague)["error"]["code"] == "ambiguous_item"
    assert last_json(withdrawn)["error"]["code"] == "revoked"
    assert last_json(offline)["error"]["code"] == "revoked"


def test_playing_in_another_player(seat: Seat, album: FakePackage, own: Own) -> None:
    own(album)

    with program("play", "바다", "--no-browser", "--file", "2", "--json") as process:
        value = first_json(process)
        assert httpx.get(value["url"]).content == SONG[::-1]
        assert [httpx.get(f["url"]).status_code for f in value["files"]] == [200, 200, 403]
        assert "바다의 노래" in httpx.get(value["page"]).text

        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out, err) == (0, "", "")
    with pytest.raises(httpx.ConnectError):
        httpx.get(value["url"])


def test_a_play_for_people_prints_addresses_alone_on_stdout(
    seat: Seat, album: FakePackage, own: Own
) -> None:
    own(album)

    with program("play", album.id[:8], "--no-browser") as process:
        assert process.stdout is not None
        page, url = (process.stdout.readline().strip() for _ in range(2))
        assert httpx.get(page).status_code == 200
        assert httpx.get(url, headers={"Range": "bytes=0-3"}).content == SONG[:4]
        process.terminate()
        _out, err = process.communicate(timeout=20)

    assert (process.returncode, "Closed." in err) == (0, True)


def test_a_file_that_is_not_there(geobuk: Geobuk, seat: Seat, album: FakePackage, own: Own) -> None:
    own(album)

    result = geobuk("play", "바다", "--file", "4", "--no-browser")

    assert (result.exit_code, "has 3 files" in result.stderr) == (1, True)


def test_playing_what_is_not_here_while_nobody_answers(
    geobuk: Geobuk, seat: Seat, album: FakePackage, running: Running
) -> None:
    geobuk("library")
    running.stop()

    result = geobuk("play", "바다", "--json")

    assert last_json(result)["error"]["code"] == "not_complete"


def test_status_without_a_daemon(
    geobuk: Geobuk, seat: Seat, album: FakePackage, film: FakePackage, own: Own
) -> None:
    own(film)
    geobuk("library")

    value = last_json(geobuk("status", "--json"))

    assert value["running"] is False
    assert {i["title"]: i["state"] for i in value["items"]} == {
        "바다의 노래": "waiting",
        "Night Film": "paused",
    }
    assert "not running" in geobuk("status").stderr


def test_one_daemon_for_a_home(geobuk: Geobuk, seat: Seat, album: FakePackage) -> None:
    with exclusive(seat.home.lock_file):
        write_json(seat.home.state_file, {"shop": seat.shop.site, "items": []})
        result = geobuk("run", "--json")
        status = last_json(geobuk("status", "--json"))

    assert last_json(result)["error"]["code"] == "already_running"
    assert status["running"] is True


@pytest.mark.parametrize("torn", ["", "{", '{"shop": 5}', '{"items": [{"x": 1}]}', "null"])
def test_a_torn_state_file_is_no_state(geobuk: Geobuk, seat: Seat, torn: str) -> None:
    with exclusive(seat.home.lock_file):
        seat.home.state_file.write_text(torn)
        result = geobuk("status", "--json")

    assert result.exit_code == 0
    assert last_json(result) == {
        "shop": seat.shop.site,
        "running": True,
        "bandwidth": None,
        "items": [],
    }


def test_two_shops_need_a_name(geobuk: Geobuk, seat: Seat, shop: FakeShop) -> None:
    stranger = geobuk("library", "--shop", "https://other.example")
    known = geobuk("library", "--shop", shop.site, "--json")

    assert (stranger.exit_code, "not logged in" in stranger.stderr) == (1, True)
    assert known.exit_code == 0
