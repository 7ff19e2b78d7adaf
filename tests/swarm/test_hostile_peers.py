from __future__ import annotations

import os
from pathlib import Path

import pytest

from seeder.session import TorrentState
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files

pytestmark = pytest.mark.swarm


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "good", [20 * PIECE])


def spoil(content: Content, save_path: Path) -> None:
    """Copy the package with one piece changed."""
    (save_path / content.name).mkdir(parents=True)
    data = bytearray(content.file(0).read_bytes())
    data[5 * PIECE + 100] ^= 1
    (save_path / content.name / "00000").write_bytes(data)


def test_a_bad_piece_is_never_accepted_and_a_good_peer_mends_it(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    # The bad seed is sure of its pieces: it says so in resume data that fits its files.
    with open_session("bad") as bad:
        bad.add(content.metainfo, tmp_path / "bad-files")
        good = open_session("good")
        good.add(content.metainfo, content.save_path, seed_mode=True)
        bad.connect_peer(content.info_hash, ("127.0.0.1", good.port))
        bad.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)
    path = tmp_path / "bad-files" / content.name / "00000"
    times = path.stat()
    with path.open("r+b") as file:
        file.seek(5 * PIECE + 100)
        file.write(b"poison")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    bad = open_session("bad")
    bad.add(content.metainfo, tmp_path / "bad-files")
    bad.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)
    buyer = open_session("buyer")
    buyer.add(content.metainfo, tmp_path / "buyer")

    buyer.connect_peer(content.info_hash, ("127.0.0.1", bad.port))
    (poisoned,) = buyer.wait_for(lambda torrents: torrents[0].failed > 0, timeout=20)
    assert poisoned.state is TorrentState.DOWNLOADING
    assert poisoned.done <= content.total - PIECE
    buyer.connect_peer(content.info_hash, ("127.0.0.1", good.port))
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)

    assert same_files(content, tmp_path / "buyer")


def test_an_origin_in_seed_mode_finds_its_own_bad_piece_when_it_is_asked_for(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    spoil(content, tmp_path / "origin")
    origin, buyer = open_session("origin-state"), open_session("buyer")
    origin.add(content.metainfo, tmp_path / "origin", seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")

    buyer.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    (found,) = origin.wait_for(
        lambda torrents: torrents[0].state is TorrentState.DOWNLOADING, timeout=20
    )

    assert found.done == content.total - PIECE
    (got,) = buyer.snapshot()
    assert got.state is TorrentState.DOWNLOADING
