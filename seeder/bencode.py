"""Bencoding (BEP 3), strict: one value has exactly one encoding.

`libtorrent.bdecode` accepts unsorted and repeated keys and numbers with leading
zeros, so two readers could see two different torrents in the same bytes. This
reader refuses all of that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

from seeder.errors import TorrentError

__all__ = ["Bencodable", "Value", "bdecode", "bencode", "raw_items"]

# What `bdecode` gives. Keys are bytes, text is never guessed.
Value: TypeAlias = int | bytes | list["Value"] | dict[bytes, "Value"]
Bencodable: TypeAlias = int | bytes | Sequence["Bencodable"] | Mapping[bytes, "Bencodable"]

_MAX_DEPTH = 32
_MAX_DIGITS = 20  # of a number; sizes stay below 2⁶³


def bencode(value: Bencodable) -> bytes:
    """Encode numbers, bytes, sequences and mappings with bytes as keys."""
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, Mapping):
        return b"d%se" % b"".join(bencode(key) + bencode(value[key]) for key in sorted(value))
    return b"l%se" % b"".join(bencode(item) for item in value)


def bdecode(data: bytes) -> Value:
    """Decode one value that fills `data`; anything but its one encoding is a TorrentError."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise _bad("there are bytes after its end")
    return value


def raw_items(data: bytes) -> dict[bytes, bytes]:
    """Give the encoded bytes of each value of the dictionary that fills `data`.

    An info-hash is taken over these bytes as they came, never over a re-encoding.
    """
    if data[:1] != b"d":
        raise _bad("it does not begin with a dictionary")
    items: dict[bytes, bytes] = {}
    position, last = 1, None
    while data[position : position + 1] != b"e":
        key, position = _read_key(data, position, last)
        _, end = _read(data, position, 1)
        items[key] = data[position:end]
        position, last = end, key
    if position + 1 != len(data):
        raise _bad("there are bytes after its end")
    return items


def _bad(what: str) -> TorrentError:
    return TorrentError(f"The torrent cannot be read: {what}. Fetch it from the shop again.")


def _read(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    if depth > _MAX_DEPTH:
        raise _bad("it is nested too deeply")
    kind = data[position : position + 1]
    if kind == b"i":
        return _read_number(data, position + 1, b"e")
    if kind.isdigit():
        return _read_bytes(data, position)
    if kind == b"l":
        return _read_list(data, position + 1, depth)
    if kind == b"d":
        return _read_dictionary(data, position + 1, depth)
    raise _bad(f"byte {position} begins no value" if kind else "it is cut off")


def _read_number(data: bytes, position: int, end_mark: bytes) -> tuple[int, int]:
    end = data.find(end_mark, position, position + _MAX_DIGITS + 2)
    text = data[position:end] if end >= 0 else b""
    digits = text.removeprefix(b"-")
    # `str(int(text)) == text` says at once: no sign but minus, no leading zero, no "-0".
    if not digits.isdigit() or str(int(text)).encode() != text:
        raise _bad(f"byte {position} begins no number")
    return int(text), end + 1


def _read_bytes(data: bytes, position: int) -> tuple[bytes, int]:
    size, start = _read_number(data, position, b":")
    if size < 0 or start + size > len(data):
        raise _bad("it is cut off")
    return data[start : start + size], start + size


def _read_list(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    items: list[Value] = []
    while data[position : position + 1] != b"e":
        item, position = _read(data, position, depth + 1)
        items.append(item)
    return items, position + 1


def _read_dictionary(data: bytes, position: int, depth: int) -> tuple[Value, int]:
    items: dict[bytes, Value] = {}
    last: bytes | None = None
    while data[position : position + 1] != b"e":
        key, position = _read_key(data, position, last)
        items[key], position = _read(data, position, depth + 1)
        last = key
    return items, position + 1


def _read_key(data: bytes, position: int, last: bytes | None) -> tuple[bytes, int]:
    if not data[position : position + 1].isdigit():
        raise _bad(f"byte {position} begins no key")
    key, end = _read_bytes(data, position)
    if last is not None and key <= last:
        raise _bad("its keys are not sorted")
    return key, end
