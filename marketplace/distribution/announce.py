"""The announce as bytes: BEP 3 with compact peers (BEP 23) and IPv6 peers (BEP 7).

The query is split as raw bytes. An info-hash is not text: decoding it as UTF-8
loses bytes, and reading it as a form would turn its plus signs into spaces.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_to_bytes

from marketplace.distribution.errors import AnnounceError

__all__ = ["Announce", "PeerAddress", "encode_answer", "encode_failure", "parse_announce"]

MAX_QUERY = 2048  # bytes; a long announce has 400
MAX_NUMBER = 2**63 - 1
MAX_NUMWANT = 50
DEFAULT_NUMWANT = 30
_EVENTS = {b"", b"started", b"stopped", b"completed", b"paused"}  # `paused` is BEP 21


@dataclass(frozen=True, slots=True)
class Announce:
    """What a client says of itself. `left`, `uploaded`, `downloaded` in bytes: claims, all."""

    info_hash: bytes
    peer_id: bytes
    port: int
    left: int
    uploaded: int = 0
    downloaded: int = 0
    event: str = ""
    numwant: int = DEFAULT_NUMWANT
    compact: bool = True
    no_peer_id: bool = False

    @property
    def stopped(self) -> bool:
        return self.event == "stopped"


@dataclass(frozen=True, slots=True)
class PeerAddress:
    """Where a peer listens: `host` packed, 4 bytes or 16."""

    peer_id: bytes
    host: bytes
    port: int

    @property
    def packed(self) -> bytes:
        return self.host + self.port.to_bytes(2, "big")


def parse_announce(query: bytes) -> Announce:
    """Read the query string of an announce. Raises AnnounceError with a sentence."""
    fields = _split(query)
    event = fields.get(b"event", b"")
    if event not in _EVENTS:
        raise AnnounceError("The event is not one of started, stopped, completed or paused.")
    port = _number(fields, b"port", least=0 if event == b"stopped" else 1, most=65535)
    numwant = _number(fields, b"numwant", default=DEFAULT_NUMWANT)
    return Announce(
        info_hash=_exact(fields, b"info_hash"),
        peer_id=_exact(fields, b"peer_id"),
        port=port,
        left=_number(fields, b"left"),
        uploaded=_number(fields, b"uploaded", default=0),
        downloaded=_number(fields, b"downloaded", default=0),
        event=event.decode("ascii"),
        numwant=min(numwant, MAX_NUMWANT),
        compact=fields.get(b"compact", b"1") != b"0",
        no_peer_id=fields.get(b"no_peer_id", b"0") == b"1",
    )


def encode_answer(
    announce: Announce,
    *,
    peers: Sequence[PeerAddress],
    seeds: int,
    leechers: int,
    interval: int,
    min_interval: int,
) -> bytes:
    """The answer to `announce`, bencoded; `interval` and `min_interval` in seconds."""
    answer: dict[bytes, Any] = {
        b"complete": seeds,
        b"incomplete": leechers,
        b"interval": interval,
        b"min interval": min_interval,
    }
    if announce.compact:
        answer[b"peers"] = b"".join(peer.packed for peer in peers if len(peer.host) == 4)
        # Left out where it is empty: old clients do not expect it.
        if six := b"".join(peer.packed for peer in peers if len(peer.host) == 16):
            answer[b"peers6"] = six
    else:
        answer[b"peers"] = [_verbose(peer, announce) for peer in peers]
    return _bencode(answer)


def encode_failure(reason: str) -> bytes:
    """A refusal as clients read it; they lose the text of any status but 200."""
    return _bencode({b"failure reason": reason.encode()})


def _split(query: bytes) -> dict[bytes, bytes]:
    if len(query) > MAX_QUERY:
        raise AnnounceError("The announce is too long.")
    fields: dict[bytes, bytes] = {}
    for part in query.split(b"&"):
        name, _, value = part.partition(b"=")
        # The first one counts; `ip`, `ipv4` and `ipv6` are never read: the socket knows.
        fields.setdefault(name, unquote_to_bytes(value))
    return fields


def _exact(fields: dict[bytes, bytes], name: bytes) -> bytes:
    value = fields.get(name, b"")
    if len(value) != 20:
        raise AnnounceError(f"The field {name.decode()} must have 20 bytes.")
    return value


def _number(
    fields: dict[bytes, bytes],
    name: bytes,
    *,
    default: int | None = None,
    least: int = 0,
    most: int = MAX_NUMBER,
) -> int:
    text = fields.get(name)
    if text is None and default is not None:
        return default
    # bytes.isdigit knows ASCII digits alone: no sign, no blank, no other script.
    if text is None or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise AnnounceError(f"The field {name.decode()} must be a number from {least} to {most}.")
    return int(text)


def _verbose(peer: PeerAddress, announce: Announce) -> dict[bytes, Any]:
    entry: dict[bytes, Any] = {
        b"ip": str(ipaddress.ip_address(peer.host)).encode(),
        b"port": peer.port,
    }
    return entry if announce.no_peer_id else {**entry, b"peer id": peer.peer_id}


def _bencode(value: Any) -> bytes:
    if isinstance(value, int):
        return b"i%de" % value
    if isinstance(value, bytes):
        return b"%d:%s" % (len(value), value)
    if isinstance(value, list):
        return b"l%se" % b"".join(_bencode(item) for item in value)
    items = sorted(value.items())
    return b"d%se" % b"".join(_bencode(key) + _bencode(item) for key, item in items)
