from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from seeder.errors import (
    ListenError,
    SessionClosedError,
    SourceFilesError,
    SwarmTimeoutError,
    TorrentError,
    UnknownTorrentError,
)
from seeder.session import Session, TorrentState
from seeder.torrents import with_announce
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files
from tests.swarm.tracker import Tracker

pytestmark = pytest.mark.swarm

SIZES = [1, PIECE, PIECE + 1, 3_000_000]


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", SIZES)


def dial(session: Session, content: Content, other: Session) -> None:
    session.connect_peer(content.info_hash, ("127.0.0.1", other.port))


def test_a_package_goes_from_the_origin_to_one_buyer_and_from_there_to_the_next(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, first, second = open_session("s0"), open_session("s1"), open_session("s2")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    first.add(content.metainfo, tmp_path / "first")
    second.add(content.metainfo, tmp_path / "second")

    dial(first, content, origin)
    got = first.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)
    origin.close()
    dial(second, content, first)
    second.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert (got.name, got.done, got.total) == (content.name, content.total, content.total)
    assert same_files(content, tmp_path / "first")
    assert same_files(content, tmp_path / "second")


def test_peers_find_each_other_by_the_tracker(
    tmp_path: Path, content: Content, open_session: OpenSession, tracker: Tracker
) -> None:
    metainfo = with_announce(content.metainfo, tracker.url)
    origin, buyer = open_session("s0"), open_session("s1", announce_floor=1)
    origin.add(metainfo, content.save_path, seed_mode=True)
    origin.wait_for(lambda _: bool(tracker.peers), timeout=10)

    buyer.add(metainfo, tmp_path / "buyer")
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert same_files(content, tmp_path / "buyer")
    assert list(tracker.peers) == [bytes.fromhex(content.info_hash)[:20]]


def test_the_sentence_of_a_tracker_that_refuses_is_shown_and_a_new_token_helps(
    tmp_path: Path, content: Content, open_session: OpenSession, tracker: Tracker
) -> None:
    tracker.refusal = "This device was removed. Log in again."
    buyer = open_session("s1")
    buyer.add(with_announce(content.metainfo, tracker.url), tmp_path / "buyer")

    (shown,) = buyer.wait_for(lambda torrents: bool(torrents[0].tracker_error), timeout=10)
    assert shown.tracker_error == "This device was removed. Log in again."

    tracker.refusal = ""
    with Tracker() as other:
        buyer.add(with_announce(content.metainfo, other.url), tmp_path / "buyer")
        buyer.wait_for(lambda torrents: not torrents[0].tracker_error, timeout=10)
        assert len(other.peers) == 1
    assert len(buyer.snapshot()) == 1


def test_seed_mode_starts_at_once_and_refuses_files_of_another_size(
    content: Content, open_session: OpenSession
) -> None:
    origin = open_session("s0")
    with content.file(3).open("ab") as file:
        file.write(b"!")
    with pytest.raises(SourceFilesError, match="3000001 bytes long instead of 3000000"):
        origin.add(content.metainfo, content.save_path, seed_mode=True)
    content.file(3).unlink()
    with pytest.raises(SourceFilesError, match="missing"):
        origin.add(content.metainfo, content.save_path, seed_mode=True)

    assert origin.snapshot() == ()


def test_rates_hold_on_the_same_machine_too(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin = open_session("s0")
    buyer = open_session("s1", download_rate=500_000)
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")

    dial(buyer, content, origin)
    with pytest.raises(SwarmTimeoutError):
        buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=2)
    (slow,) = buyer.snapshot()
    buyer.set_rates(download=0, upload=0)
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert slow.state is TorrentState.DOWNLOADING
    assert slow.done < 2_000_000


def test_pause_stops_and_resume_goes_on(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer = open_session("s0"), open_session("s1")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    origin.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)
    origin.pause(content.info_hash)
    origin.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=5)

    buyer.add(content.metainfo, tmp_path / "buyer", paused=True)
    buyer.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=5)
    origin.resume(content.info_hash)
    origin.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)
    buyer.resume(content.info_hash)
    dial(buyer, content, origin)

    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)


def test_remove_leaves_the_files_unless_told_otherwise(
    content: Content, open_session: OpenSession
) -> None:
    origin = open_session("s0")
    origin.add(content.metainfo, content.save_path)
    origin.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)

    origin.remove(content.info_hash)
    assert origin.snapshot() == ()
    assert content.file(3).exists()
    origin.add(content.metainfo, content.save_path)
    origin.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)
    origin.remove(content.info_hash, delete_files=True)

    assert not content.file(3).exists()
    with pytest.raises(UnknownTorrentError):
        origin.remove(content.info_hash)
    with pytest.raises(UnknownTorrentError):
        origin.pause(content.info_hash)


def test_files_that_cannot_be_written_are_an_error_with_a_sentence_and_can_be_mended(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer = open_session("s0"), open_session("s1")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    in_the_way = tmp_path / "buyer" / content.name / "00003"
    in_the_way.mkdir(parents=True)
    buyer.add(content.metainfo, tmp_path / "buyer")

    dial(buyer, content, origin)
    failed = buyer.wait_for_state(content.info_hash, TorrentState.ERROR, timeout=20)
    in_the_way.rmdir()
    buyer.resume(content.info_hash)
    dial(buyer, content, origin)
    mended = buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert "cannot be read or written" in failed.error
    assert "Is a directory" in failed.error
    assert mended.error == ""
    assert same_files(content, tmp_path / "buyer")


def test_bytes_that_are_no_torrent_of_ours_change_nothing(
    tmp_path: Path, open_session: OpenSession
) -> None:
    session = open_session("s0")

    with pytest.raises(TorrentError):
        session.add(b"d4:infod4:name2:..ee", tmp_path)

    assert session.snapshot() == ()


def test_a_taken_port_is_a_sentence(tmp_path: Path, open_session: OpenSession) -> None:
    taken = open_session("s0")

    with pytest.raises(ListenError, match=r"Address already in use.*choose another port"):
        Session(f"127.0.0.1:{taken.port}", tmp_path / "s1")


def test_close_ends_the_waiting_and_every_later_call(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    session = open_session("s0")
    session.add(content.metainfo, tmp_path / "buyer")
    ended: list[type[Exception]] = []

    def wait() -> None:
        try:
            session.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)
        except SessionClosedError as error:
            ended.append(type(error))

    waiting = threading.Thread(target=wait)
    waiting.start()
    session.close()
    waiting.join(5)
    session.close()

    assert ended == [SessionClosedError]
    with pytest.raises(SessionClosedError):
        session.add(content.metainfo, tmp_path / "buyer")


def test_close_takes_less_than_five_seconds_while_the_tracker_hangs(
    tmp_path: Path, open_session: OpenSession, tracker: Tracker
) -> None:
    session = open_session("s0")
    contents = [make_content(tmp_path / "many", [1000 + seed], seed=seed) for seed in range(50)]
    for content in contents:
        session.add(with_announce(content.metainfo, tracker.url), content.save_path)
    session.wait_for(
        lambda torrents: all(torrent.state is TorrentState.SEEDING for torrent in torrents),
        timeout=20,
    )
    tracker.delay = 30

    start = time.monotonic()
    session.close()

    assert time.monotonic() - start < 5
    assert (tmp_path / "s0" / "ended-in-order").exists()
