"""A running seeder looks after its disk: real BitTorrent, our fake shop, the real program."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

from seeder.cli.seat import Seat
from seeder.config import read_json
from seeder.placement import open_store, set_most
from tests.seeder.shop import FakePackage
from tests.seeder.test_commands import first_json, program
from tests.seeder.test_run import Origin, origin, states, wait_for

__all__ = ["origin"]  # a fixture

pytestmark = pytest.mark.swarm
Geobuk = Callable[..., Result]


def note(seat: Seat) -> str:
    record = read_json(seat.home.state_file) or {}
    return "".join(item["note"] for item in record.get("items", []))


def test_what_a_shop_may_not_fill_waits_and_goes_on_when_it_may(
    geobuk: Geobuk, seat: Seat, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    geobuk("store", "limit", "500KB")

    with program("run", "--json") as process:
        first_json(process)
        wait_for(lambda: "allow it more with: geobuk store limit SIZE" in note(seat))
        assert seat.store.on_disk(film.id) == 0
        set_most(seat.folder, None)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"}, seconds=40)

    assert seat.store.file(film.id, 0).read_bytes() == film.sealed[0]


def test_what_has_rotted_is_found_and_fetched_again(
    geobuk: Geobuk, seat: Seat, film: FakePackage, origin: Origin
) -> None:
    origin.seed(film)
    assert geobuk("sync").exit_code == 0
    file = seat.store.file(film.id, 0)
    times = file.stat()
    file.write_bytes(b"rot" + film.sealed[0][3:])
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    seat.store.scrub_file.unlink(missing_ok=True)

    with program("run", "--json") as process:
        first_json(process)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"}, seconds=40)
        assert file.read_bytes()[:3] == b"rot"  # its size and time are those of the last end
        wait_for(lambda: file.read_bytes() == film.sealed[0], seconds=60)
        wait_for(lambda: seat.here(film.id), seconds=40)


def test_a_disk_that_is_pulled_out_is_waited_for_and_nothing_is_fetched_again(
    geobuk: Geobuk, seat: Seat, film: FakePackage, origin: Origin, tmp_path: Path
) -> None:
    origin.seed(film)
    disk = tmp_path / "disk"
    assert geobuk("sync").exit_code == 0
    assert geobuk("store", "move", str(disk / "store")).exit_code == 0

    with program("run", "--json") as process:
        first_json(process)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"}, seconds=40)
        disk.rename(tmp_path / "detached")
        disk.mkdir()  # its mount point stays
        seat.papers(film.id).doubt()  # of a player, or of a scrub, that found nothing there
        wait_for(lambda: states(seat) == {"Night Film": "error"}, seconds=40)
        wait_for(lambda: "Attach its disk, and it goes on by itself" in note(seat))
        assert process.poll() is None
        assert not list(disk.rglob("00000*"))

        shutil.rmtree(disk)
        (tmp_path / "detached").rename(disk)
        wait_for(lambda: states(seat) == {"Night Film": "seeding"}, seconds=40)
        wait_for(lambda: seat.papers(film.id).complete, seconds=40)

    sent = sum(torrent.uploaded for torrent in origin.session.snapshot())
    assert sent == sum(map(len, film.sealed))  # once
    assert open_store(seat.folder).file(film.id, 0).read_bytes() == film.sealed[0]
