"""What a session may send and fetch, over real connections."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from seeder.session import Session, SessionSettings, TorrentState
from seeder.torrents import open_metainfo, with_announce
from tests.swarm.closed import close_swarm, dial_closed
from tests.swarm.conftest import OpenSession
from tests.swarm.content import Content, make_content, same_files
from tests.swarm.tracker import Tracker

pytestmark = pytest.mark.swarm

MEGA = 1_000_000


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", [12 * MEGA])


def dial(session: Session, content: Content, other: Session) -> None:
    session.connect_peer(content.info_hash, ("127.0.0.1", other.port))


def wait_until(condition: Callable[[], bool], *, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


def done(session: Session) -> int:
    return session.snapshot()[0].done


def content_sent(session: Session) -> int:
    """Bytes of content sent so far."""
    return session.traffic().content_sent


def test_sharing_that_is_switched_off_stops_in_the_middle_and_downloads_go_on(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer, other = open_session("s0"), open_session("s1"), open_session("s2")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    origin.set_rates(download=0, upload=3 * MEGA)
    buyer.add(content.metainfo, tmp_path / "buyer")
    other.add(content.metainfo, tmp_path / "other")
    dial(buyer, content, origin)
    dial(other, content, buyer)
    wait_until(lambda: done(other) > MEGA)

    buyer.set_sharing(False)
    time.sleep(1)  # what is on its way to the socket already goes out, half a second's worth
    sent = content_sent(buyer)

    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)
    assert content_sent(buyer) == sent
    assert sent < content.total
    assert done(other) <= sent
    # On again, it goes on.
    buyer.set_sharing(True)
    other.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)
    assert same_files(content, tmp_path / "other")


def test_with_sharing_off_from_the_start_nobody_gets_a_byte(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    silent, other = open_session("s0"), open_session("s1")
    silent.set_sharing(False)
    silent.add(content.metainfo, content.save_path, seed_mode=True)
    other.add(content.metainfo, tmp_path / "other")

    dial(other, content, silent)
    other.wait_for(lambda torrents: torrents[0].peers == 1, timeout=20)
    time.sleep(2)  # the absence of an event has no condition to wait for

    assert done(other) == 0
    assert content_sent(silent) == 0


def test_limits_and_off_hold_in_closed_swarms(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    closed, authority = close_swarm(content)
    owner, other = open_session("s0"), open_session("s1")
    owner.set_sharing(False)
    owner.set_rates(download=0, upload=MEGA)
    for session, folder in ((owner, content.save_path), (other, tmp_path / "other")):
        session.add(closed.metainfo, folder, seed_mode=session is owner)
        authority.admit(session, closed)

    dial_closed(other, closed, owner)
    other.wait_for(lambda torrents: torrents[0].peers == 1, timeout=20)
    time.sleep(2)  # as above
    silent = done(other)
    owner.set_sharing(True)
    wait_until(lambda: done(other) > 0)
    began, before = time.monotonic(), done(other)
    wait_until(lambda: time.monotonic() - began > 3)

    assert silent == 0
    assert 0 < done(other) - before < 1.5 * 3.6 * MEGA


def test_a_limit_holds_for_all_peers_together_and_may_change(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin = open_session("s0")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    origin.set_rates(download=0, upload=MEGA)
    others = [open_session(f"o{index}") for index in range(2)]
    for index, other in enumerate(others):
        other.add(content.metainfo, tmp_path / f"o{index}")
        dial(other, content, origin)
    wait_until(lambda: sum(map(done, others)) > MEGA)
    began, before = time.monotonic(), content_sent(origin)
    wait_until(lambda: time.monotonic() - began > 3)

    sent = content_sent(origin) - before

    # 3.3 s and a bucket that may be full at the start.
    assert sent < 1.5 * 3.6 * MEGA
    origin.set_rates(download=0, upload=0)
    for other in others:
        other.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)


def test_traffic_counts_what_goes_with_the_content(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer = open_session("s0"), open_session("s1")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    buyer.add(content.metainfo, tmp_path / "buyer")
    dial(buyer, content, origin)
    buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)

    wait_until(lambda: origin.traffic().content_sent >= content.total)
    wait_until(lambda: buyer.traffic().content_received >= content.total)

    traffic = origin.traffic()
    assert content.total < traffic.sent < 1.2 * content.total
    assert 0 < traffic.received < 0.1 * content.total
    assert buyer.traffic().received > content.total


def test_peers_meet_over_ipv6(tmp_path: Path, content: Content, socket_enabled: None) -> None:
    settings = SessionSettings(tcp_only=True, status_seconds=0.1)
    with (
        Session("127.0.0.1:0,[::1]:0", tmp_path / "s0", settings=settings) as origin,
        Session("[::1]:0", tmp_path / "s1", settings=settings) as buyer,
    ):
        origin.add(content.metainfo, content.save_path, seed_mode=True)
        buyer.add(content.metainfo, tmp_path / "buyer")

        origin.connect_peer(content.info_hash, ("::1", buyer.port))
        buyer.wait_for_state(content.info_hash, TorrentState.SEEDING, timeout=30)

        assert same_files(content, tmp_path / "buyer")
        assert origin.reach().ipv6
        assert not origin.reach().incoming
        assert {peer.host for peer in origin.peers()} <= {"::1"}


def test_a_paused_torrent_is_not_announced_as_a_seed(
    content: Content, open_session: OpenSession, tracker: Tracker
) -> None:
    metainfo = with_announce(content.metainfo, tracker.url)
    silent = open_session("s0", announce_floor=1)
    silent.set_sharing(False)

    silent.add(metainfo, content.save_path, seed_mode=True, paused=True)
    silent.wait_for_state(content.info_hash, TorrentState.PAUSED, timeout=10)
    time.sleep(2)  # as above

    assert not tracker.peers


def test_loopback_needs_no_lan_and_keeps_its_limit(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    origin, buyer = open_session("s0"), open_session("s1")
    origin.add(content.metainfo, content.save_path, seed_mode=True)
    origin.set_rates(download=0, upload=MEGA, lan=False)
    buyer.add(content.metainfo, tmp_path / "buyer")

    dial(buyer, content, origin)
    wait_until(lambda: done(buyer) > 0)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() - began > 2)

    assert done(buyer) < 5 * MEGA


def test_the_dht_is_asked_from_the_moment_its_owner_lets_it(
    tmp_path: Path, socket_enabled: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as node,
        Session("127.0.0.1:0", tmp_path, settings=SessionSettings()) as session,
    ):
        node.bind(("127.0.0.1", 0))
        monkeypatch.setattr("seeder.session_settings._DHT", f"127.0.0.1:{node.getsockname()[1]}")
        node.settimeout(2)
        with pytest.raises(TimeoutError):
            node.recv(2000)

        session.set_discovery(router=False, open_swarms=True)
        node.settimeout(20)

        assert node.recv(2000).startswith(b"d1:ad")  # a KRPC query (BEP 5)


def extensions_of(session: Session, content: Content) -> bytes:
    """The message in which a session names its extensions (BEP 10)."""

    def take(stream: socket.socket, count: int) -> bytes:
        data = b""
        while len(data) < count:
            data += stream.recv(count - len(data)) or pytest.fail("the session hung up")
        return data

    reserved = bytes([0, 0, 0, 0, 0, 0x10, 0, 0x10])  # extensions, v2
    with socket.create_connection(("127.0.0.1", session.port), timeout=10) as stream:
        handshake = b"\x13BitTorrent protocol" + reserved + bytes.fromhex(content.info_hash)[:20]
        stream.sendall(handshake + b"-XX0000-" + b"x" * 12)
        take(stream, 68)
        ours = b"\x14\x00d1:md6:ut_pexi1eee"
        stream.sendall(len(ours).to_bytes(4) + ours)
        while True:
            message = take(stream, int.from_bytes(take(stream, 4)))
            if message[:2] == b"\x14\x00":
                return message[2:]


def test_a_private_torrent_has_no_peer_exchange_and_so_no_hole_punching(
    content: Content, open_session: OpenSession
) -> None:
    """libtorrent asks for an introduction only by whom peer exchange named the other (BEP 55)."""
    private, opened = open_session("s0"), open_session("s1")
    private.add(content.metainfo, content.save_path, seed_mode=True)
    public = open_metainfo(content.metainfo)
    info = opened.add(public, content.save_path, seed_mode=True, private=False)

    for session, name in ((private, content.info_hash), (opened, info.info_hash)):
        session.wait_for_state(name, TorrentState.SEEDING, timeout=10)  # it hangs up before

    closed_book = extensions_of(private, content)
    open_book = extensions_of(opened, replace(content, info_hash=info.info_hash))

    assert b"ut_pex" not in closed_book
    assert b"ut_pex" in open_book
    assert b"ut_holepunch" in open_book
