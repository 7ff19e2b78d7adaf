"""Torrents of sealed packages: BEP 52, v2 only, private, under opaque names.

A torrent of a *closed swarm* also holds the certificate of the package's authority (libtorrent's
"SSL torrents"): peers talk only to who has a certificate of it. It has no announce address,
since an https tracker would have to chain to that authority, too; its peers come by the API.

The *open* variant, for the time after the shop's end, is the same without the private flag,
authority and tracker: it follows from either, so that all buyers get one info-hash.

A torrent is built from the roots that sealing computed, so nothing is hashed
twice. Inside it stand the package id as folder name and "00000", "00001", … as
file names: peers and trackers see no title. What comes from outside is read
strictly: only the fields that `build_metainfo` and `with_announce` write are
allowed, since every other one (web seeds, DHT nodes, paths) would make the
seeder dial or write where the shop does not expect it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from seeder.bencode import Value, bdecode, bencode, raw_items
from seeder.errors import TorrentError

__all__ = [
    "BLOCK_SIZE",
    "MAX_FILES",
    "TorrentFile",
    "TorrentInfo",
    "build_metainfo",
    "file_name",
    "info_hash",
    "open_metainfo",
    "read_metainfo",
    "with_announce",
    "with_authority",
]

BLOCK_SIZE = 16 * 1024  # a leaf of the BEP 52 tree
MAX_FILES = 100_000  # what five digits can name
_HASH = 32
_MAX_PIECE_LENGTH = 64 * 1024 * 1024
_NAME = re.compile(r"[0-9a-z][0-9a-z-]{0,127}", re.ASCII)
_OUTER_KEYS = {b"announce", b"info", b"piece layers"}
_OPEN_INFO_KEYS = {b"file tree", b"meta version", b"name", b"piece length"}
_INFO_KEYS = {*_OPEN_INFO_KEYS, b"private"}
_CLOSED_INFO_KEYS = {*_INFO_KEYS, b"ssl-cert"}
_MAX_AUTHORITY = 4096  # bytes; one of ours has about 700


@dataclass(frozen=True, slots=True)
class TorrentFile:
    """One file: its opaque name, its size in bytes and the root of its BEP 52 tree."""

    name: str
    size: int
    root: bytes


@dataclass(frozen=True, slots=True)
class TorrentInfo:
    """What a torrent of ours says; `total` is the sum of the files' sizes in bytes."""

    name: str
    info_hash: str
    piece_length: int
    files: tuple[TorrentFile, ...]
    total: int
    announce: str | None
    authority: str = ""  # PEM; "" in an open swarm

    @property
    def closed(self) -> bool:
        """Whether only members with a certificate get in."""
        return bool(self.authority)


def file_name(index: int) -> str:
    """Give the opaque name of the file at `index`: "00000", "00001", …"""
    if not 0 <= index < MAX_FILES:
        raise TorrentError(f"A package holds at most {MAX_FILES} files; put them into an archive.")
    return f"{index:05d}"


def build_metainfo(
    *,
    name: str,
    files: Sequence[tuple[int, bytes]],
    piece_layers: Sequence[bytes],
    piece_length: int,
) -> bytes:
    """Build a torrent from sizes and roots that are known already.

    `files` is (size in bytes, root) in package order; `piece_layers` gives for
    each of them the joined 32-byte hashes of its pieces, and is ignored for a
    file of at most one piece, which has no layer (BEP 52, "piece layers").
    Raises TorrentError where a layer does not lead to its root. No announce
    address is inside: see `with_announce`.
    """
    if len(piece_layers) != len(files):
        raise TorrentError("There must be one piece layer for each file; seal the package again.")
    tree: dict[bytes, dict[bytes, dict[bytes, int | bytes]]] = {}
    layers: dict[bytes, bytes] = {}
    for index, ((size, root), layer) in enumerate(zip(files, piece_layers, strict=True)):
        tree[file_name(index).encode()] = {b"": {b"length": size, b"pieces root": root}}
        if size > piece_length:
            layers[root] = layer
    metainfo = bencode(
        {
            b"info": {
                b"file tree": tree,
                b"meta version": 2,
                b"name": name.encode(),
                b"piece length": piece_length,
                b"private": 1,
            },
            b"piece layers": layers,
        }
    )
    # One set of rules: what we build is what we would accept.
    read_metainfo(metainfo)
    return metainfo


def with_announce(metainfo: bytes, url: str) -> bytes:
    """Give the torrent of an open swarm with this announce address; its info keeps its bytes."""
    _check_announce(url)
    return _joined({**raw_items(metainfo), b"announce": bencode(url.encode())})


def with_authority(metainfo: bytes, authority: str | None) -> bytes:
    """Give the torrent of the same files for a closed swarm under this authority (PEM), or,
    without one, for an open swarm. Only its info-hash is another; no announce address is inside.
    """
    items = raw_items(metainfo)
    items.pop(b"announce", None)
    info = raw_items(items[b"info"])
    info.pop(b"ssl-cert", None)
    if authority is not None:
        info[b"ssl-cert"] = bencode(authority.encode())
    changed = _joined({**items, b"info": _joined(info)})
    read_metainfo(changed)
    return changed


def open_metainfo(metainfo: bytes) -> bytes:
    """Give the open variant of a torrent of ours, the same bytes for every buyer.

    Raises TorrentError where it is not one that Geobuk makes.
    """
    read_metainfo(metainfo)
    items = raw_items(metainfo)
    info = raw_items(items[b"info"])
    kept = {b"info": _joined({key: info[key] for key in _OPEN_INFO_KEYS})}
    if b"piece layers" in items:
        kept[b"piece layers"] = items[b"piece layers"]
    return _joined(kept)


def info_hash(metainfo: bytes) -> str:
    """Give the v2 info-hash, 64 hex digits: SHA-256 of the info part's bytes as they are."""
    return _hash_info(raw_items(metainfo))


def read_metainfo(metainfo: bytes, *, private: bool = True) -> TorrentInfo:
    """Read a torrent, or raise TorrentError where it is not one that Geobuk makes.

    With `private` off, it has to be the open variant, and a private one is refused.
    """
    items = raw_items(metainfo)
    if not items.keys() <= _OUTER_KEYS:
        raise _bad("it has a field that Geobuk does not write")
    digest = _hash_info(items)
    info = _dictionary(bdecode(items[b"info"]))
    allowed = [_INFO_KEYS, _CLOSED_INFO_KEYS] if private else [_OPEN_INFO_KEYS]
    if info.keys() not in allowed:
        raise _bad("its description has other fields than Geobuk writes")
    if b"announce" in items and (not private or b"ssl-cert" in info):
        raise _bad("one of its kind has no tracker")
    if info[b"meta version"] != 2 or (private and info[b"private"] != 1):
        raise _bad("it is not a private torrent of version 2")
    piece_length = _piece_length(info[b"piece length"])
    files = _read_files(_dictionary(info[b"file tree"]))
    _check_layers(files, piece_length, _dictionary(bdecode(items.get(b"piece layers", b"de"))))
    return TorrentInfo(
        name=_package_name(info[b"name"]),
        info_hash=digest,
        piece_length=piece_length,
        files=files,
        total=sum(file.size for file in files),
        announce=_read_announce(items),
        authority=_authority(info[b"ssl-cert"]) if b"ssl-cert" in info else "",
    )


def _bad(what: str) -> TorrentError:
    return TorrentError(f"The torrent is refused: {what}. Fetch it from the shop again.")


def _hash_info(items: dict[bytes, bytes]) -> str:
    if b"info" not in items:
        raise _bad("it describes no content")
    return hashlib.sha256(items[b"info"]).hexdigest()


def _dictionary(value: Value) -> dict[bytes, Value]:
    if not isinstance(value, dict):
        raise _bad("a part of it has the wrong type")
    return value


def _package_name(value: Value) -> str:
    # Lower-case letters, digits and hyphens: a folder name on every system, never a path.
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else ""
    if not _NAME.fullmatch(text):
        raise _bad("its name is not an opaque package id")
    return text


def _authority(value: Value) -> str:
    if not isinstance(value, bytes) or not 0 < len(value) <= _MAX_AUTHORITY:
        raise _bad("its authority is out of bounds")
    text = value.decode("ascii", "replace")
    if not text.startswith("-----BEGIN CERTIFICATE-----\n") or not text.isascii():
        raise _bad("its authority is no certificate")
    return text


def _joined(items: dict[bytes, bytes]) -> bytes:
    return b"d%se" % b"".join(bencode(key) + items[key] for key in sorted(items))


def _piece_length(value: Value) -> int:
    if not isinstance(value, int) or not BLOCK_SIZE <= value <= _MAX_PIECE_LENGTH:
        raise _bad("its piece length is out of bounds")
    if value & (value - 1):
        raise _bad("its piece length is no power of two")
    return value


def _read_files(tree: dict[bytes, Value]) -> tuple[TorrentFile, ...]:
    if not tree:
        raise _bad("it holds no file")
    files = []
    for index, (name, node) in enumerate(tree.items()):
        # The reader has seen to it that keys are sorted, so the order is the index.
        if name != file_name(index).encode():
            raise _bad("a file name is not opaque")
        leaf = _dictionary(node)
        entry = _dictionary(leaf[b""]) if leaf.keys() == {b""} else {}
        size, root = entry.get(b"length"), entry.get(b"pieces root")
        if entry.keys() != {b"length", b"pieces root"}:
            raise _bad("a file has other fields than Geobuk writes")
        if not isinstance(size, int) or not 0 < size < 2**48:
            raise _bad("a file's size is out of bounds")
        if not isinstance(root, bytes) or len(root) != _HASH:
            raise _bad("a file's root is no SHA-256")
        files.append(TorrentFile(file_name(index), size, root))
    return tuple(files)


def _check_layers(
    files: tuple[TorrentFile, ...], piece_length: int, layers: dict[bytes, Value]
) -> None:
    large = {file.root: file.size for file in files if file.size > piece_length}
    if layers.keys() != large.keys():
        raise _bad("its piece layers are not those of its files")
    for root, layer in layers.items():
        pieces = -(-large[root] // piece_length)
        if not isinstance(layer, bytes) or len(layer) != pieces * _HASH:
            raise _bad("a piece layer has the wrong length")
        if _root_of_layer(layer, piece_length) != root:
            raise _bad("a piece layer does not lead to its file's root")


def _root_of_layer(layer: bytes, piece_length: int) -> bytes:
    """Hash a piece layer up to the root; missing pieces stand for pieces of zero leaves."""
    padding = bytes(_HASH)
    for _ in range((piece_length // BLOCK_SIZE).bit_length() - 1):
        padding = hashlib.sha256(padding + padding).digest()
    nodes = [layer[at : at + _HASH] for at in range(0, len(layer), _HASH)]
    while len(nodes) > 1:
        if len(nodes) % 2:
            nodes.append(padding)
        pairs = zip(nodes[::2], nodes[1::2], strict=True)
        nodes = [hashlib.sha256(left + right).digest() for left, right in pairs]
        padding = hashlib.sha256(padding + padding).digest()
    return nodes[0]


def _read_announce(items: dict[bytes, bytes]) -> str | None:
    if b"announce" not in items:
        return None
    value = bdecode(items[b"announce"])
    if not isinstance(value, bytes):
        raise _bad("its announce address is no text")
    url = value.decode("ascii", "replace")
    _check_announce(url)
    return url


def _check_announce(url: str) -> None:
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        valid = False
    if not valid or not url.isascii() or not url.isprintable() or " " in url:
        raise _bad("its announce address is no http or https address")
