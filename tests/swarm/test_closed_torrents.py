"""The torrent of a closed swarm: the same files, another info-hash, no tracker."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from drm.keys import IdentityKey
from drm.swarm_authority import create_authority
from seeder.bencode import bencode, raw_items
from seeder.errors import TorrentError
from seeder.torrents import info_hash, open_metainfo, read_metainfo, with_announce, with_authority
from tests.swarm.content import PIECE, Content, make_content

NOW = dt.datetime(2026, 11, 25, tzinfo=dt.UTC)


@pytest.fixture
def content(tmp_path: Path) -> Content:
    return make_content(tmp_path, [PIECE, 3 * PIECE + 5])


@pytest.fixture
def authority(content: Content) -> str:
    return create_authority(IdentityKey.generate(), package_id=content.name, now=NOW)


def test_a_switch_changes_the_info_hash_and_nothing_else(content: Content, authority: str) -> None:
    closed = with_authority(content.metainfo, authority)

    before, after = read_metainfo(content.metainfo), read_metainfo(closed)
    assert not before.closed
    assert after.closed
    assert after.authority == authority
    assert after.info_hash != before.info_hash
    assert (after.name, after.files, after.total) == (before.name, before.files, before.total)
    assert with_authority(closed, None) == content.metainfo
    # One authority takes the place of the other.
    assert with_authority(closed, authority) == closed


def test_closed_and_open_have_the_same_variant_for_the_time_after_the_shop(
    content: Content, authority: str
) -> None:
    closed = with_authority(content.metainfo, authority)

    assert open_metainfo(closed) == open_metainfo(content.metainfo)
    assert not read_metainfo(open_metainfo(closed), private=False).closed


def test_a_closed_swarm_has_no_tracker(content: Content, authority: str) -> None:
    tracked = with_announce(content.metainfo, "https://shop.example/announce/token")
    assert read_metainfo(with_authority(tracked, authority)).announce is None

    both = with_announce(with_authority(content.metainfo, authority), "https://shop.example/a")
    with pytest.raises(TorrentError, match="no tracker"):
        read_metainfo(both)


@pytest.mark.parametrize(
    "value", [b"", b"x", b"-----BEGIN CERTIFICATE-----\n\xff", b"\n" * 5000, 7, []]
)
def test_an_authority_that_is_none_is_refused(content: Content, value: object) -> None:
    items = raw_items(content.metainfo)
    info = {**raw_items(items[b"info"]), b"ssl-cert": bencode(value)}  # type: ignore[arg-type]
    items[b"info"] = b"d%se" % b"".join(bencode(k) + info[k] for k in sorted(info))
    changed = b"d%se" % b"".join(bencode(k) + items[k] for k in sorted(items))

    assert info_hash(changed) != content.info_hash
    with pytest.raises(TorrentError):
        read_metainfo(changed)
