from __future__ import annotations

from pathlib import Path

import pytest

from seeder.errors import SessionClosedError, SessionError
from seeder.session import TorrentState
from tests.swarm.conftest import OpenSession, await_peers
from tests.swarm.content import Content, make_content

pytestmark = pytest.mark.swarm


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [3_000_000])


def test_both_ends_of_a_connection_are_told_with_label_direction_and_payload(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin = open_session("s0", label="originoriginoriginor", upload_rate=500_000)
    buyer = open_session("s1", label="buyerBUYER0123456789")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")

    buyer.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    buyer.wait_for(lambda torrents: torrents[0].done > 500_000, timeout=20)
    [sender] = await_peers(buyer, 1)
    [receiver] = await_peers(origin, 1)

    assert (sender.info_hash, sender.host, sender.port) == (
        content.info_hash,
        "127.0.0.1",
        origin.port,
    )
    assert (sender.label, receiver.label) == ("originoriginoriginor", "buyerBUYER0123456789")
    assert (sender.outgoing, receiver.outgoing) == (True, False)
    assert (sender.seed, receiver.seed) == (True, False)
    assert 500_000 < sender.downloaded <= receiver.uploaded <= content.total
    assert sender.uploaded == receiver.downloaded == 0


def test_without_peers_nobody_is_asked_and_after_the_end_nobody_is_told(
    content: Content, open_session: OpenSession
) -> None:
    session = open_session("s0")
    session.add(content.metainfo, content.save_path)
    session.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)

    assert session.peers() == ()
    session.close()

    with pytest.raises(SessionClosedError):
        session.peers()


def test_who_has_left_is_no_longer_told(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer = open_session("s0", upload_rate=500_000), open_session("s1")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")
    buyer.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    await_peers(origin, 1)

    buyer.remove(content.info_hash)

    assert buyer.peers() == ()
    await_peers(origin, 0)


@pytest.mark.parametrize("label", ["short", "x" * 21, "x" * 19 + "é", "x" * 19 + "-"])
def test_a_label_that_is_none_opens_no_session(label: str, open_session: OpenSession) -> None:
    with pytest.raises(SessionError, match="20 letters and digits"):
        open_session("s0", label=label)
