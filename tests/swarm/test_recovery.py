from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from seeder.session import Session, TorrentSnapshot, TorrentState
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files

pytestmark = pytest.mark.swarm

MB = 1_000_000
RATE = 4 * MB
BLOCK = 16 * 1024  # BEP 52


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [100_000, 40 * MB])


@pytest.fixture
def origin(content: Content, open_session: OpenSession) -> Session:
    session = open_session("origin-state")
    session.add(content.metainfo, content.save_path, seed_mode=True)
    return session


def download_and_kill(tmp_path: Path, content: Content, origin: Session, *, at: int) -> int:
    """Download in another process, kill it after `at` bytes; give what it had 1.5 s before."""
    (tmp_path / "content.torrent").write_bytes(content.metainfo)
    spec = {
        "state": str(tmp_path / "buyer-state"),
        "save_path": str(tmp_path / "buyer"),
        "metainfo": str(tmp_path / "content.torrent"),
        "peer": origin.port,
        "rate": RATE,
    }
    with subprocess.Popen(
        [sys.executable, "-m", "tests.swarm.downloader", json.dumps(spec)],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        reports: list[tuple[float, int]] = [(0.0, 0)]
        while reports[-1][1] < at:
            reports.append((time.monotonic(), int(process.stdout.readline())))
        process.kill()
    return max(done for moment, done in reports if moment < reports[-1][0] - 1.5)


def finish(session: Session, content: Content, origin: Session) -> TorrentSnapshot:
    session.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    return session.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=40)


def checked(session: Session, content: Content) -> TorrentSnapshot:
    (found,) = session.wait_for(
        lambda torrents: torrents[0].state is not TorrentState.CHECKING, timeout=20
    )
    return found


def complete_in_order(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession
) -> None:
    with open_session("buyer-state") as buyer:
        buyer.add(content.metainfo, tmp_path / "buyer")
        finish(buyer, content, origin)


def test_a_killed_download_goes_on_where_it_was(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession
) -> None:
    earlier = download_and_kill(tmp_path, content, origin, at=15 * MB)
    time.sleep(1.2)  # libtorrent counts once a second
    (before,) = origin.snapshot()

    buyer = open_session("buyer-state")
    buyer.add(content.metainfo, tmp_path / "buyer")
    found = checked(buyer, content)
    finish(buyer, content, origin)
    time.sleep(1.2)
    (after,) = origin.snapshot()

    assert same_files(content, tmp_path / "buyer")
    # It saves every half second. Of pieces that were under way, hashing finds nothing; and
    # what is found is not sent again.
    assert found.done > earlier - 64 * PIECE
    assert found.done > 0
    assert after.uploaded - before.uploaded < content.total - found.done + MB


def test_an_orderly_end_needs_no_hashing_and_no_byte_twice(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession
) -> None:
    with open_session("buyer-state", download_rate=2 * RATE) as buyer:
        buyer.add(content.metainfo, tmp_path / "buyer")
        buyer.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
        (before,) = buyer.wait_for(lambda torrents: torrents[0].done > 10 * MB, timeout=20)
    # Were the file hashed again, this would be seen; its size and time stay the same.
    path = tmp_path / "buyer" / content.name / "00001"
    times = path.stat()
    with path.open("r+b") as file:
        file.write(bytes(path.stat().st_size))
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    again = open_session("buyer-state")
    again.add(content.metainfo, tmp_path / "buyer")
    found = checked(again, content)

    # `done` counts the bytes of a block that is just coming in, and only whole blocks are kept.
    assert found.done > before.done - BLOCK


def test_an_overwritten_piece_is_found_after_an_unclean_stop(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession
) -> None:
    complete_in_order(tmp_path, content, origin, open_session)
    path = tmp_path / "buyer" / content.name / "00001"
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(7 * PIECE + 3)
        file.write(b"not what was bought")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    (tmp_path / "buyer-state" / "ended-in-order").unlink()  # as kill -9 leaves it

    buyer = open_session("buyer-state")
    buyer.add(content.metainfo, tmp_path / "buyer")
    found = checked(buyer, content)
    finish(buyer, content, origin)

    assert found.state is TorrentState.DOWNLOADING
    assert found.done == content.total - PIECE
    assert same_files(content, tmp_path / "buyer")


@pytest.mark.parametrize("damage", ["cut", "touched", "missing"])
def test_files_that_changed_while_the_seeder_was_off_are_hashed_again(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession, damage: str
) -> None:
    complete_in_order(tmp_path, content, origin, open_session)
    path = tmp_path / "buyer" / content.name / "00001"
    match damage:
        case "cut":
            os.truncate(path, 30 * MB)
        case "touched":
            with path.open("r+b") as file:
                file.write(b"x")
        case "missing":
            path.unlink()

    buyer = open_session("buyer-state")
    buyer.add(content.metainfo, tmp_path / "buyer")
    found = checked(buyer, content)
    finish(buyer, content, origin)

    assert found.state is TorrentState.DOWNLOADING
    assert found.done < content.total
    assert same_files(content, tmp_path / "buyer")


@pytest.mark.parametrize("left", [0, 1, 100, -1])
def test_cut_resume_data_costs_a_hashing_and_nothing_else(
    tmp_path: Path, content: Content, origin: Session, open_session: OpenSession, left: int
) -> None:
    complete_in_order(tmp_path, content, origin, open_session)
    for path in (tmp_path / "buyer-state").glob("*.resume*"):
        path.write_bytes(path.read_bytes()[:left])

    buyer = open_session("buyer-state")
    buyer.add(content.metainfo, tmp_path / "buyer")
    found = checked(buyer, content)

    assert (found.state, found.done) == (TorrentState.SEEDING, content.total)


def test_what_was_uploaded_is_counted_over_a_restart(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    with open_session("origin-state") as origin:
        origin.add(content.metainfo, content.save_path, seed_mode=True)
        complete_in_order(tmp_path, content, origin, open_session)
        (sent,) = origin.wait_for(lambda torrents: torrents[0].uploaded > 30 * MB, timeout=10)

    again = open_session("origin-state")
    again.add(content.metainfo, content.save_path, seed_mode=True)
    (remembered,) = again.wait_for(lambda torrents: torrents[0].uploaded > 0, timeout=10)

    assert remembered.uploaded >= sent.uploaded
