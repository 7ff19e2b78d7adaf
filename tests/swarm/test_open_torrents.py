"""Open torrents: one info-hash for all buyers, no tracker, and never mistaken for private ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from seeder.bencode import bencode, raw_items
from seeder.errors import TorrentError
from seeder.session import TorrentState
from seeder.session_settings import SessionSettings
from seeder.store import Store
from seeder.torrents import info_hash, open_metainfo, read_metainfo, with_announce
from tests.swarm.conftest import OpenSession
from tests.swarm.content import PIECE, Content, make_content, same_files

SIZES = [1, PIECE, PIECE + 1, 300_000]


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path / "origin", SIZES)


def test_any_two_buyers_get_the_same_bytes(content: Content) -> None:
    ada = with_announce(content.metainfo, "https://shop.example/announce/ada")
    bea = with_announce(content.metainfo, "https://shop.example/announce/bea")

    opened = open_metainfo(ada)

    assert opened == open_metainfo(bea) == open_metainfo(content.metainfo)
    private, info = read_metainfo(ada), read_metainfo(opened, private=False)
    assert (info.name, info.files, info.total) == (private.name, private.files, private.total)
    assert info.announce is None
    assert info.info_hash != private.info_hash
    assert b"private" not in opened
    assert b"announce" not in opened


def test_neither_variant_passes_for_the_other(content: Content) -> None:
    opened = open_metainfo(content.metainfo)

    with pytest.raises(TorrentError):
        read_metainfo(opened)
    with pytest.raises(TorrentError):
        read_metainfo(content.metainfo, private=False)
    with pytest.raises(TorrentError):
        open_metainfo(opened)
    items = {**raw_items(opened), b"announce": bencode(b"https://tracker.example/announce")}
    tracked = b"d%se" % b"".join(bencode(key) + items[key] for key in sorted(items))
    with pytest.raises(TorrentError, match="no tracker"):
        read_metainfo(tracked, private=False)


def test_the_store_keeps_what_a_kit_brought_and_makes_the_rest(
    tmp_path: Path, content: Content
) -> None:
    store, opened = Store(tmp_path / "store"), open_metainfo(content.metainfo)
    assert store.open_torrent(content.name) is None

    store.keep_open_torrent(content.name, opened)

    assert store.open_torrent(content.name) == opened
    assert store.torrent(content.name) is None
    assert store.torrents() == {}
    with pytest.raises(TorrentError):
        store.keep_open_torrent("0" * 64, opened)
    other = Store(tmp_path / "other")
    other.keep_torrent(content.name, content.metainfo)
    assert other.open_torrent(content.name) == opened


def test_only_open_swarms_look_for_peers_by_themselves() -> None:
    closed = SessionSettings().for_libtorrent("127.0.0.1:0")
    opened = SessionSettings(open_swarms=True).for_libtorrent("127.0.0.1:0")

    assert (closed["enable_dht"], closed["enable_lsd"]) == (False, False)
    assert closed["dht_bootstrap_nodes"] == ""
    assert (opened["enable_dht"], opened["enable_lsd"]) == (True, True)
    assert ":" in opened["dht_bootstrap_nodes"]


@pytest.mark.swarm
def test_an_open_package_goes_from_buyer_to_buyer(
    tmp_path: Path, content: Content, open_session: OpenSession
) -> None:
    opened = open_metainfo(content.metainfo)
    name, save_path = info_hash(opened), tmp_path / "second"
    first, second = open_session("s1"), open_session("s2")
    first.add(opened, content.save_path, private=False)
    first.wait_for_state(name, TorrentState.SEEDING, timeout=20)
    second.add(opened, save_path, private=False)

    second.connect_peer(name, ("127.0.0.1", first.port))
    got = second.wait_for_state(name, TorrentState.SEEDING, timeout=20)

    assert (got.name, got.total) == (content.name, content.total)
    assert same_files(content, save_path)
    with pytest.raises(TorrentError):
        second.add(opened, save_path)
