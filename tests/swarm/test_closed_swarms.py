from __future__ import annotations

import time
from datetime import timedelta
from pathlib import Path

import pytest

from seeder.errors import SessionError
from seeder.session import Session, SessionSettings, TorrentState
from tests.swarm.closed import Authority, close_swarm, dial_closed
from tests.swarm.conftest import OpenSession, await_peers
from tests.swarm.content import Content, make_content, same_files

pytestmark = pytest.mark.swarm

LONG = timedelta(hours=2)  # more than a certificate lives
PATIENCE = 2.5  # seconds; who is let in is there in half a second


@pytest.fixture
def closed(tmp_path: Path) -> tuple[Content, Authority]:
    return close_swarm(make_content(tmp_path / "origin", [2_000_000, 1_000_000]))


def serve(session: Session, content: Content, authority: Authority) -> None:
    session.add(content.metainfo, content.save_path, seed_mode=True)
    authority.admit(session, content)


def require_shut_out(origin: Session, stranger: Session, content: Content) -> None:
    """Nobody is connected and no byte has gone, after long enough for it to have happened."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        for session in (origin, stranger):
            assert all(peer.uploaded == peer.downloaded == 0 for peer in session.peers())
            assert not any(peer.label for peer in session.peers()), "a handshake was completed"
        time.sleep(0.1)
    (state,) = stranger.snapshot()
    assert (state.done, state.downloaded) == (0, 0)
    assert origin.snapshot()[0].uploaded == 0


@pytest.mark.parametrize("sizes", [[3_000_000], [2_000_000, 1_000_000]])
def test_members_exchange_a_package_of_one_file_and_of_several(
    tmp_path: Path, sizes: list[int], open_session: OpenSession
) -> None:
    content, authority = close_swarm(make_content(tmp_path / "origin", sizes))
    origin, buyer = open_session("s0"), open_session("s1", label="buyerBUYER0123456789")
    serve(origin, content, authority)
    buyer.add(content.metainfo, tmp_path / "buyer")
    (before,) = buyer.snapshot()
    authority.admit(buyer, content)

    dial_closed(buyer, content, origin)
    got = buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)

    assert same_files(content, tmp_path / "buyer")
    assert (before.closed, before.certified, got.certified) == (True, False, True)
    assert got.label == "buyerBUYER0123456789"
    assert [peer.label for peer in await_peers(origin, 1)] == ["buyerBUYER0123456789"]


def test_without_a_certificate_nobody_gets_in(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, stranger = open_session("s0"), open_session("s1", host="127.0.0.2")
    serve(origin, content, authority)
    stranger.add(content.metainfo, tmp_path / "stranger")

    dial_closed(stranger, content, origin)

    require_shut_out(origin, stranger, content)


def test_an_expired_certificate_opens_nothing(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, stranger = open_session("s0"), open_session("s1", host="127.0.0.2")
    serve(origin, content, authority)
    stranger.add(content.metainfo, tmp_path / "stranger")
    authority.admit(stranger, content, age=LONG)

    dial_closed(stranger, content, origin)

    require_shut_out(origin, stranger, content)


def test_a_certificate_of_another_packages_authority_opens_nothing(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, stranger = open_session("s0"), open_session("s1", host="127.0.0.2")
    serve(origin, content, authority)
    stranger.add(content.metainfo, tmp_path / "stranger")
    Authority.create(content.name).admit(stranger, content)

    dial_closed(stranger, content, origin)

    require_shut_out(origin, stranger, content)


def test_a_certificate_for_another_name_opens_nothing(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, stranger = open_session("s0"), open_session("s1", host="127.0.0.2")
    serve(origin, content, authority)
    stranger.add(content.metainfo, tmp_path / "stranger")
    authority.admit(stranger, content, package="ab" * 32)

    dial_closed(stranger, content, origin)

    require_shut_out(origin, stranger, content)


def test_a_member_is_let_in_by_no_plain_connection_in_either_direction(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, stranger = open_session("s0"), open_session("s1", host="127.0.0.2")
    serve(origin, content, authority)
    stranger.add(content.metainfo, tmp_path / "stranger")
    authority.admit(stranger, content)

    stranger.connect_peer(content.info_hash, ("127.0.0.1", origin.port))
    origin.connect_peer(content.info_hash, ("127.0.0.2", stranger.port))

    require_shut_out(origin, stranger, content)


def test_a_member_dials_no_seed_that_has_no_certificate_itself(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    impostor, buyer = open_session("s0"), open_session("s1", host="127.0.0.2")
    impostor.add(content.metainfo, content.save_path, seed_mode=True)
    Authority.create(content.name).admit(impostor, content)
    buyer.add(content.metainfo, tmp_path / "buyer")
    authority.admit(buyer, content)

    dial_closed(buyer, content, impostor)

    require_shut_out(impostor, buyer, content)


def test_renewal_cuts_nobody_and_an_old_certificate_is_replaced(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, buyer = open_session("s0", upload_rate=600_000), open_session("s1")
    serve(origin, content, authority)
    buyer.add(content.metainfo, tmp_path / "buyer")
    authority.admit(buyer, content, age=LONG)
    dial_closed(buyer, content, origin)
    time.sleep(0.5)
    assert origin.peers() == () or not origin.peers()[0].label

    authority.admit(buyer, content)  # the old one had ended: with the new one it gets in
    dial_closed(buyer, content, origin)
    buyer.wait_for(lambda torrents: torrents[0].done > 500_000, timeout=20)
    [before] = origin.peers()
    authority.admit(origin, content)
    authority.admit(buyer, content)
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)
    [after] = origin.peers()

    assert (after.host, after.port, after.label) == (before.host, before.port, before.label)
    assert after.uploaded > before.uploaded


def test_a_session_without_a_tls_port_says_so(tmp_path: Path, socket_enabled: None) -> None:
    settings = SessionSettings(tcp_only=True)
    with (
        Session("127.0.0.1:0", tmp_path / "s0", settings=settings) as session,
        pytest.raises(SessionError, match="no port for closed swarms"),
    ):
        _ = session.tls_port


def test_a_new_label_is_that_of_the_torrents_added_after_it(
    tmp_path: Path, closed: tuple[Content, Authority], open_session: OpenSession
) -> None:
    content, authority = closed
    origin, buyer = open_session("s0"), open_session("s1")
    serve(origin, content, authority)
    buyer.add(content.metainfo, tmp_path / "buyer")
    authority.admit(buyer, content)
    dial_closed(buyer, content, origin)
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=20)
    old = buyer.label

    buyer.relabel("newnewnewnewnewnew00")
    [before] = await_peers(origin, 1)
    buyer.remove(content.info_hash, remember=True)
    await_peers(origin, 0)
    buyer.add(content.metainfo, tmp_path / "buyer")
    authority.admit(buyer, content)
    added = buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=5)
    dial_closed(buyer, content, origin)
    [after] = await_peers(origin, 1)

    assert (before.label, after.label) == (old, "newnewnewnewnewnew00")
    assert added.label == after.label


def test_members_meet_over_ipv6_and_are_cut_by_their_network(
    tmp_path: Path, closed: tuple[Content, Authority], socket_enabled: None
) -> None:
    content, authority = closed
    slow = SessionSettings(tcp_only=True, status_seconds=0.1, upload_rate=500_000)
    fast = SessionSettings(tcp_only=True, status_seconds=0.1)
    listen = "[::1]:0,[::1]:0s"
    with (
        Session(listen, tmp_path / "s0", settings=slow) as origin,
        Session(listen, tmp_path / "s1", settings=fast) as buyer,
    ):
        serve(origin, content, authority)
        buyer.add(content.metainfo, tmp_path / "buyer")
        authority.admit(buyer, content)

        dial_closed(buyer, content, origin, "::1")
        buyer.wait_for(lambda torrents: torrents[0].done > 200_000, timeout=20)
        origin.cut(content.info_hash, {"::2"})  # of the same /64
        await_peers(origin, 0)
        dial_closed(buyer, content, origin, "::1")
        kept_out = buyer.snapshot()[0].downloaded
        origin.cut(content.info_hash, ())
        origin.set_rates(download=0, upload=0)
        dial_closed(buyer, content, origin, "::1")
        buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)

    assert kept_out < content.total
    assert same_files(content, tmp_path / "buyer")
