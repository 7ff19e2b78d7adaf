from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from seeder.session import Session, TorrentSnapshot, TorrentState
from seeder.tending import Forgiveness
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files

pytestmark = pytest.mark.swarm

START = datetime(2026, 11, 25, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "seed", [20 * PIECE])


def stuck_at_a_rotten_seed(content: Content, seed: Session, buyer: Session, place: Path) -> None:
    """The only seed rots after it was found whole, so the buyer bans it."""
    seed.add(content.metainfo, content.save_path)
    seed.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=10)
    with content.file(0).open("r+b") as file:
        file.seek(7 * PIECE)
        file.write(b"rot")
    buyer.add(content.metainfo, place)
    buyer.connect_peer(content.info_hash, ("127.0.0.1", seed.port))

    def banned(torrents: tuple[TorrentSnapshot, ...]) -> bool:
        return torrents[0].failed > 0 and torrents[0].peers == 0

    buyer.wait_for(banned, timeout=30)


def test_a_seed_that_was_mended_is_asked_again(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    whole = content.file(0).read_bytes()
    seed, buyer, clock = open_session("seed-state"), open_session("buyer-state"), Clock()
    stuck_at_a_rotten_seed(content, seed, buyer, tmp_path / "buyer")
    content.file(0).write_bytes(whole)
    seed.recheck(content.info_hash)
    seed.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=10)
    forgiveness = Forgiveness(buyer, clock=clock)
    forgiveness.forgive()
    assert len(buyer.snapshot()) == 1
    had = buyer.snapshot()[0].done

    clock.now += timedelta(minutes=1)
    forgiveness.forgive()
    assert buyer.snapshot() == ()
    buyer.add(content.metainfo, tmp_path / "buyer")
    (found,) = buyer.wait_for(
        lambda torrents: torrents[0].state is TorrentState.DOWNLOADING, timeout=10
    )
    buyer.connect_peer(content.info_hash, ("127.0.0.1", seed.port))
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert found.done > had - 4 * PIECE  # of pieces that were not whole, nothing is kept
    assert same_files(content, tmp_path / "buyer")


def test_it_waits_longer_each_time_and_leaves_alone_what_moves(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    seed, buyer, clock = open_session("seed-state"), open_session("buyer-state"), Clock()
    forgiveness = Forgiveness(buyer, clock=clock)

    pauses = []
    for _ in range(3):
        stuck_at_a_rotten_seed(content, seed, buyer, tmp_path / "buyer")
        began = clock.now
        forgiveness.forgive()
        while buyer.snapshot():
            clock.now += timedelta(seconds=10)
            forgiveness.forgive()
        pauses.append((clock.now - began).total_seconds())

    assert pauses == [60, 120, 240]
