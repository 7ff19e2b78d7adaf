from __future__ import annotations

import logging
import os
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from seeder.files import bytes_taken
from seeder.session import Session, TorrentSnapshot, TorrentState
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files

pytestmark = pytest.mark.swarm

MB = 1_000_000


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [1000, 24 * MB])


@pytest.fixture
def origin(content: Content, open_session: OpenSession) -> Session:
    session = open_session("origin-state")
    session.add(content.metainfo, content.save_path, seed_mode=True)
    return session


def finish(session: Session, content: Content, origin: Session) -> None:
    session.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    in_state(session, TorrentState.SEEDING)


class Disk:
    """Lets the system refuse what lies beyond 8 MB of any file, as a full disk refuses it."""

    def __init__(self) -> None:
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (8 * MB, self._limits[1]))

    def free(self) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, self._limits)


@pytest.fixture
def disk() -> Iterator[Disk]:
    disk = Disk()
    yield disk
    disk.free()


def in_state(session: Session, state: TorrentState) -> TorrentSnapshot:
    (found,) = session.wait_for(lambda torrents: torrents[0].state is state, timeout=30)
    return found


def fill_up(
    session: Session, content: Content, origin: Session, save_path: Path, disk: Disk
) -> TorrentSnapshot:
    """Download onto a disk that is full after a while; give what it says then."""
    session.add(content.metainfo, save_path)
    session.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    path = save_path / content.name / "00001"
    session.wait_for(lambda _torrents: bytes_taken(path) > 5 * MB, timeout=20)
    disk.fill()
    return in_state(session, TorrentState.ERROR)


def test_a_full_disk_is_said_once_and_what_it_swallowed_is_not_counted(
    tmp_path: Path,
    content: Content,
    origin: Session,
    open_session: OpenSession,
    disk: Disk,
    caplog: pytest.LogCaptureFixture,
) -> None:
    buyer = open_session("buyer-state", download_rate=8 * MB, save_seconds=0.2)

    with caplog.at_level(logging.WARNING, "seeder.session"):
        found = fill_up(buyer, content, origin, tmp_path / "buyer", disk)

    paths = (tmp_path / "buyer" / content.name).iterdir()
    assert 4 * MB < found.done <= sum(path.stat().st_blocks * 512 for path in paths)
    assert "cannot be read or written (File too large)" in found.error
    assert len(caplog.records) == 1


def test_with_room_again_it_goes_on_and_fetches_what_is_missing(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession, disk: Disk
) -> None:
    buyer = open_session("buyer-state", download_rate=8 * MB, save_seconds=0.2)
    had = fill_up(buyer, content, origin, tmp_path / "buyer", disk)

    disk.free()
    buyer.resume(content.info_hash)
    finish(buyer, content, origin)

    assert same_files(content, tmp_path / "buyer")
    (fetched,) = buyer.snapshot()
    # Pieces that were under way come again.
    assert fetched.downloaded - had.downloaded < content.total - had.done + 4 * MB


def test_what_a_full_disk_swallowed_is_missed_after_a_restart_too(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession, disk: Disk
) -> None:
    with open_session("buyer-state", download_rate=8 * MB, save_seconds=0.2) as buyer:
        had = fill_up(buyer, content, origin, tmp_path / "buyer", disk)
    disk.free()

    again = open_session("buyer-state")
    again.add(content.metainfo, tmp_path / "buyer")
    found = in_state(again, TorrentState.DOWNLOADING)
    finish(again, content, origin)

    assert found.done <= had.done
    assert same_files(content, tmp_path / "buyer")


@pytest.mark.parametrize("sizes", [[200_000], [1000, 200_000], [PIECE, 2 * PIECE, 1000]])
def test_a_rotten_end_heals(tmp_path: Path, open_session: OpenSession, sizes: list[int]) -> None:
    content = make_content(tmp_path / "origin", sizes)
    origin, buyer = open_session("origin-state"), open_session("buyer-state")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")
    finish(buyer, content, origin)
    path = tmp_path / "buyer" / content.name / f"{len(sizes) - 1:05d}"
    with path.open("r+b") as file:
        file.seek(-3, os.SEEK_END)
        file.write(b"rot")

    buyer.recheck(content.info_hash)
    missing = in_state(buyer, TorrentState.DOWNLOADING)
    finish(buyer, content, origin)

    assert content.total - PIECE <= missing.done < content.total
    assert same_files(content, tmp_path / "buyer")


def test_what_is_held_fetches_no_more_and_shares_what_is_here(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession
) -> None:
    buyer = open_session("buyer-state", download_rate=4 * MB)
    buyer.add(content.metainfo, tmp_path / "buyer")
    buyer.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    buyer.wait_for(lambda torrents: torrents[0].done > 5 * MB, timeout=20)

    buyer.hold(content.info_hash, "This shop has filled what it may take.")
    held = in_state(buyer, TorrentState.ERROR)
    other = open_session("other-state")
    other.add(content.metainfo, tmp_path / "other")
    other.connect_peer(content.info_hash, ("127.0.0.1", buyer.port))
    other.wait_for(lambda torrents: torrents[0].done > 4 * MB, timeout=20)
    (still,) = buyer.snapshot()
    buyer.set_rates(download=0, upload=0)
    buyer.resume(content.info_hash)
    finish(buyer, content, origin)

    assert held.error == "This shop has filled what it may take."
    assert still.done < content.total - 6 * MB  # what had been asked for still came
    assert same_files(content, tmp_path / "buyer")
