from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import libtorrent as lt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seeder.bencode import bdecode, bencode, raw_items
from seeder.errors import TorrentError
from seeder.torrents import (
    build_metainfo,
    file_name,
    info_hash,
    read_metainfo,
    with_announce,
)
from tests.swarm.content import PIECE, make_content

ANNOUNCE = "http://127.0.0.1:8000/announce/token"


def change(metainfo: bytes, **fields: object) -> bytes:
    """Change fields of the info part ("piece_length" means "piece length")."""
    outer = bdecode(metainfo)
    assert isinstance(outer, dict)
    info = outer[b"info"]
    assert isinstance(info, dict)
    for key, value in fields.items():
        name = key.replace("_", " ").encode()
        if value is None:
            del info[name]
        else:
            info[name] = value  # type: ignore[assignment]  # wrong types are the point
    return bencode(outer)


@pytest.mark.parametrize(
    "sizes",
    [
        [1],
        [16 * 1024],
        [16 * 1024 + 1],
        [PIECE - 1],
        [PIECE],
        [PIECE + 1],
        [3 * PIECE],
        [4 * PIECE],
        [5 * PIECE + 12345],
        [1, PIECE, PIECE + 1, 7 * PIECE, 16],
        [1 + (index * 7919) % 300_000 for index in range(120)],
    ],
    ids=lambda sizes: f"{len(sizes)}x{sizes[0]}",
)
def test_libtorrent_hashes_the_same_files_to_the_same_torrent(
    tmp_path: Path, sizes: list[int]
) -> None:
    content = make_content(tmp_path, sizes)

    entries = lt.list_files(str(tmp_path / content.name))  # type: ignore[attr-defined]  # new in 2.1
    creator = lt.create_torrent(entries, PIECE, lt.create_torrent.v2_only)
    lt.set_piece_hashes(creator, str(tmp_path))
    theirs: Any = creator.generate()
    parameters: Any = lt.load_torrent_buffer(content.metainfo)

    ours = bdecode(content.metainfo)
    assert isinstance(ours, dict)
    assert isinstance(ours[b"info"], dict)
    # libtorrent sets no private flag by itself; all else is the same.
    assert {**theirs[b"info"], b"private": 1} == ours[b"info"]
    assert theirs[b"piece layers"] == ours[b"piece layers"]
    assert str(parameters.info_hashes.v2) == content.info_hash
    assert not parameters.info_hashes.has_v1()
    assert parameters.ti.priv()


def test_read_gives_what_was_built(tmp_path: Path) -> None:
    content = make_content(tmp_path, [1, PIECE, 2 * PIECE])

    info = read_metainfo(content.metainfo)

    assert (info.name, info.info_hash, info.piece_length, info.total, info.announce) == (
        content.name,
        content.info_hash,
        PIECE,
        3 * PIECE + 1,
        None,
    )
    assert [(file.name, file.size) for file in info.files] == [
        ("00000", 1),
        ("00001", PIECE),
        ("00002", 2 * PIECE),
    ]


def test_announce_leaves_the_info_hash_alone(tmp_path: Path) -> None:
    content = make_content(tmp_path, [3 * PIECE])

    first = with_announce(content.metainfo, ANNOUNCE)
    second = with_announce(first, "https://shop.example/announce/other")

    assert info_hash(first) == info_hash(second) == content.info_hash
    assert read_metainfo(first).announce == ANNOUNCE
    assert read_metainfo(second).announce == "https://shop.example/announce/other"
    parameters: Any = lt.load_torrent_buffer(first)
    assert parameters.trackers == [ANNOUNCE]


def test_info_hash_is_taken_over_the_bytes_as_they_came() -> None:
    info = b"d4:name3:abce"

    assert info_hash(b"d4:info%se" % info) == hashlib.sha256(info).hexdigest()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": b".."},
        {"name": b"a/b"},
        {"name": b"a\\b"},
        {"name": b""},
        {"name": "거북".encode()},
        {"name": 7},
        {"private": 0},
        {"private": None},
        {"meta_version": 1},
        {"piece_length": 0},
        {"piece_length": PIECE + 1},
        {"piece_length": 2**40},
        {"piece_length": b"65536"},
        {"source": b"elsewhere"},
        {"pieces": b"\0" * 20},
        {"file_tree": {}},
        {"file_tree": b"00000"},
        {"file_tree": {b"..": {b"": {b"length": 1, b"pieces root": bytes(32)}}}},
        {"file_tree": {b"00001": {b"": {b"length": 1, b"pieces root": bytes(32)}}}},
        {"file_tree": {b"00000": {b"x": {b"": {b"length": 1, b"pieces root": bytes(32)}}}}},
        {"file_tree": {b"00000": {b"": {b"length": 1, b"pieces root": bytes(20)}}}},
        {"file_tree": {b"00000": {b"": {b"length": 0}}}},
        {"file_tree": {b"00000": {b"": {b"length": -1, b"pieces root": bytes(32)}}}},
        {"file_tree": {b"00000": {b"": {b"length": 2**62, b"pieces root": bytes(32)}}}},
        {"file_tree": {b"00000": {b"": {b"attr": b"l", b"length": 1, b"pieces root": bytes(32)}}}},
    ],
    ids=repr,
)
def test_other_torrents_than_ours_are_refused(tmp_path: Path, fields: dict[str, object]) -> None:
    content = make_content(tmp_path, [1])

    with pytest.raises(TorrentError):
        read_metainfo(change(content.metainfo, **fields))


@pytest.mark.parametrize("extra", [b"url-list", b"nodes", b"announce-list", b"httpseeds"])
def test_fields_that_would_make_the_seeder_dial_elsewhere_are_refused(
    tmp_path: Path, extra: bytes
) -> None:
    outer = bdecode(make_content(tmp_path, [1]).metainfo)
    assert isinstance(outer, dict)

    with pytest.raises(TorrentError):
        read_metainfo(bencode({**outer, extra: b"http://10.0.0.1/"}))


@pytest.mark.parametrize(
    "url",
    [
        "udp://127.0.0.1:1/announce",
        "file:///etc/passwd",
        "http:///announce",
        "http://a b/announce",
        "http://shop.example:99999/announce",
        "http://상점.example/announce",
        "",
    ],
)
def test_other_announce_addresses_than_http_are_refused(tmp_path: Path, url: str) -> None:
    content = make_content(tmp_path, [1])

    with pytest.raises(TorrentError):
        with_announce(content.metainfo, url)


def test_a_layer_that_does_not_lead_to_its_root_is_refused(tmp_path: Path) -> None:
    content = make_content(tmp_path, [3 * PIECE])
    outer = bdecode(content.metainfo)
    assert isinstance(outer, dict)
    layers = outer[b"piece layers"]
    assert isinstance(layers, dict)
    ((root, layer),) = layers.items()
    assert isinstance(layer, bytes)

    for wrong in (layer[:-32], layer + bytes(32), bytes(32) + layer[32:], b""):
        with pytest.raises(TorrentError):
            read_metainfo(bencode({**outer, b"piece layers": {root: wrong}}))
        with pytest.raises(TorrentError):
            build_metainfo(
                name=content.name,
                files=[(3 * PIECE, root)],
                piece_layers=[wrong],
                piece_length=PIECE,
            )


def test_every_cut_and_every_flipped_byte_of_the_info_part_is_noticed(tmp_path: Path) -> None:
    content = make_content(tmp_path, [PIECE + 1, 5])
    start = content.metainfo.index(b"4:info") + 6

    for length in range(len(content.metainfo)):
        with pytest.raises(TorrentError):
            read_metainfo(content.metainfo[:length])
    for position in range(start, start + len(raw_items(content.metainfo)[b"info"])):
        changed = bytearray(content.metainfo)
        changed[position] ^= 1
        try:
            assert read_metainfo(bytes(changed)).info_hash != content.info_hash
        except TorrentError:
            continue


def test_file_names_are_opaque_and_bounded() -> None:
    assert [file_name(0), file_name(99_999)] == ["00000", "99999"]
    for index in (-1, 100_000):
        with pytest.raises(TorrentError):
            file_name(index)


values = st.recursive(
    st.integers(-(2**62), 2**62) | st.binary(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.binary(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(values)
def test_a_value_has_one_encoding_and_comes_back(value: object) -> None:
    encoded = bencode(value)  # type: ignore[arg-type]  # what hypothesis made of the same types

    assert bdecode(encoded) == value
    assert lt.bencode(lt.bdecode(encoded)) == encoded


@given(st.binary(max_size=40) | st.text("dlei0123456789:-ab", max_size=30).map(str.encode))
def test_any_bytes_are_read_as_their_one_encoding_or_refused(data: bytes) -> None:
    try:
        value = bdecode(data)
    except TorrentError:
        return
    assert bencode(value) == data


@pytest.mark.parametrize(
    "data",
    [b"d1:bi1e1:ai2ee", b"d1:ai1e1:ai2ee", b"i01e", b"i-0e", b"i+1e", b"i 1e", b"01:a", b"i1e ",
     b"l" * 5000 + b"e" * 5000, b"di1ei2ee", b"", b"i" + b"9" * 5000 + b"e"],
)  # fmt: skip
def test_a_second_encoding_is_refused(data: bytes) -> None:
    with pytest.raises(TorrentError):
        bdecode(data)
    with pytest.raises(TorrentError):
        raw_items(data)
