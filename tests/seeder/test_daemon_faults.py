"""The daemon's worker meets a disk that refuses, and what nobody foresaw: it is never silent."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import pytest

from seeder import daemon as daemon_module
from seeder.cli.seat import Seat, persist
from seeder.config import utc_now
from seeder.daemon import Daemon
from seeder.downloads import Downloads
from seeder.errors import FaultError
from seeder.renewals import Renewals
from seeder.session import Session
from tests.seeder.shop import FakePackage
from tests.seeder.test_run import LOCAL, wait_for

pytestmark = pytest.mark.swarm


class Silence:
    """A shop of which nothing is heard."""

    def listen(self, heard: Callable[[str], None], stop: threading.Event) -> None:
        stop.wait()


@contextmanager
def working(
    seat: Seat,
    folder: Path,
    *,
    renewals_clock: Callable[[], datetime] = utc_now,
    before: Callable[[], object] = lambda: None,
) -> Iterator[tuple[Daemon, Downloads]]:
    with (
        persist(seat) as client,
        Session("127.0.0.1:0", folder, settings=LOCAL) as session,
    ):
        downloads = Downloads(seat.folder, seat.device, client, session, seat.store, clock=utc_now)
        renewals = Renewals(client, seat.folder, seat.device, clock=renewals_clock)
        before()
        with Daemon(
            seat.home, client, session, downloads, Silence(), renewals, clock=utc_now
        ) as daemon:
            yield daemon, downloads


def test_a_disk_that_refuses_is_noted_and_work_goes_on(
    seat: Seat, tmp_path: Path, album: FakePackage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon_module, "POLL_AFTER_FAILURE", daemon_module.WRITE / 50)
    # A file cannot take the place of a folder.
    refuse = seat.folder.library_file.mkdir
    with working(seat, tmp_path / "session", before=refuse) as (daemon, downloads):
        wait_for(lambda: "refuses a file" in daemon.tick().note)
        assert (daemon.ended, downloads.items) == (None, ())

        shutil.rmtree(seat.folder.library_file)
        wait_for(lambda: downloads.items and daemon.tick().online)
        assert (daemon.ended, daemon.tick().note) == (None, "")


def test_where_the_state_cannot_be_written_it_is_said_and_work_goes_on(
    seat: Seat, tmp_path: Path
) -> None:
    seat.home.state_file.mkdir()
    with working(seat, tmp_path / "session") as (daemon, _downloads):
        wait_for(lambda: daemon.tick().online)
        wait_for(lambda: "refuses a file" in _note_after_a_change(daemon))
        seat.home.state_file.rmdir()
        assert daemon.ended is None


def _note_after_a_change(daemon: Daemon) -> str:
    daemon._written = None
    return daemon.tick().note


def test_what_nobody_foresaw_ends_the_program_with_a_sentence(seat: Seat, tmp_path: Path) -> None:
    asked: list[int] = []

    def clock() -> datetime:
        asked.append(1)
        if len(asked) > 1:
            raise ZeroDivisionError("of a clock")
        return utc_now()

    with working(seat, tmp_path / "session", renewals_clock=clock) as (daemon, _downloads):
        ended = wait_for(lambda: daemon.ended)

    assert isinstance(ended, FaultError)
    assert "ZeroDivisionError: of a clock" in str(ended)
    assert isinstance(ended.__cause__, ZeroDivisionError)


def test_a_torrent_that_cannot_be_replaced_ends_nothing(
    seat: Seat, tmp_path: Path, album: FakePackage
) -> None:
    """Its manifest is of another key, and then the disk refuses the torrent."""
    with working(seat, tmp_path / "session") as (daemon, downloads):
        wait_for(lambda: seat.store.torrent(album.id) is not None)
        wait_for(lambda: downloads.states())
        papers = seat.papers(album.id)
        papers.manifest_file.write_text("nobody signed this")
        downloads.papers(album.id)
        downloads._papers.clear()
        downloads._replace_guarded(album.id)

        papers.manifest_file.unlink()
        papers.manifest_file.mkdir()
        downloads._papers.clear()
        downloads._replace_guarded(album.id)
        assert daemon.ended is None
