"""Announces and scrapes as bytes: BEP 3, compact peers (BEP 23), IPv6 (BEP 7), scrape (BEP 48).

The query is split as raw bytes. An info-hash is not text: decoding it as UTF-8
loses bytes, and reading it as a form would turn its plus signs into spaces.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote_to_bytes

from marketplace.distribution.errors import AnnounceError

__all__ = [
    "Announce",
    "PeerAddress",
    "encode_answer",
    "encode_failure",
    "encode_scrape",
    "parse_announce",
    "parse_scrape",
]

MAX_QUERY = 2048  # bytes; a long announce has 400
MAX_NUMBER = 2**63 - 1
MAX_NUMWANT = 50
DEFAULT_NUMWANT = 30
_HASH = 20
_EVENTS = {  # `paused` is BEP 21
    event.encode(): event for event in ("", "started", "stopped", "completed", "paused")
}


@dataclass(slots=True)
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


def parse_announce(query: bytes) -> Announce:
    """Read the query string of an announce. Raises AnnounceError with a sentence."""
    # Backwards, so the first one of a name counts. `ip`, `ipv4` and `ipv6` are never read:
    # the socket knows.
    fields: dict[bytes, bytes] = {}
    for part in reversed(_parts(query)):
        name, _, value = part.partition(b"=")
        fields[name] = value
    event = _EVENTS.get(_unquote(fields.get(b"event", b"")))
    if event is None:
        raise AnnounceError("The event is not one of started, stopped, completed or paused.")
    numwant = _number(fields, b"numwant", default=DEFAULT_NUMWANT)
    return Announce(
        info_hash=_exact(fields, b"info_hash"),
        peer_id=_exact(fields, b"peer_id"),
        port=_number(fields, b"port", least=0 if event == "stopped" else 1, most=65535),
        left=_number(fields, b"left"),
        uploaded=_number(fields, b"uploaded", default=0),
        downloaded=_number(fields, b"downloaded", default=0),
        event=event,
        numwant=min(numwant, MAX_NUMWANT),
        compact=_unquote(fields.get(b"compact", b"1")) != b"0",
        no_peer_id=_unquote(fields.get(b"no_peer_id", b"0")) == b"1",
    )


def parse_scrape(query: bytes) -> list[bytes]:
    """The info-hashes that a scrape asks for; none where it names none (BEP 48)."""
    named = (part.partition(b"=") for part in _parts(query))
    return [_hash_of(value, "info_hash") for name, _, value in named if name == b"info_hash"]


def encode_answer(
    announce: Announce,
    *,
    four: bytes,
    six: bytes,
    peers: Sequence[PeerAddress] = (),
    size: tuple[int, int],
    interval: int,
    min_interval: int,
) -> bytes:
    """The answer to `announce`, bencoded; `interval` and `min_interval` in seconds.

    `size` counts seeds and leechers. `four` and `six` are compact peers; where the client wants them one by one, `peers`
    are told instead.
    """
    head = b"d8:completei%de10:incompletei%de8:intervali%de12:min intervali%de5:peers" % (
        *size,
        interval,
        min_interval,
    )
    if not announce.compact:
        return b"%sl%see" % (head, b"".join(_verbose(peer, announce) for peer in peers))
    if not six:
        # Left out where it is empty: old clients do not expect it.
        return b"%s%d:%se" % (head, len(four), four)
    return b"%s%d:%s6:peers6%d:%se" % (head, len(four), four, len(six), six)


def encode_scrape(files: dict[bytes, tuple[int, int, int]], *, min_interval: int) -> bytes:
    """The answer to a scrape: by info-hash (20 bytes) complete, downloaded, incomplete."""
    told = b"".join(
        b"20:%sd8:completei%de10:downloadedi%de10:incompletei%dee" % (info_hash, *files[info_hash])
        for info_hash in sorted(files)
    )
    return b"d5:filesd%se5:flagsd20:min_request_intervali%deee" % (told, min_interval)


def encode_failure(reason: str) -> bytes:
    """A refusal as clients read it; they lose the text of any status but 200."""
    text = reason.encode()
    return b"d14:failure reason%d:%se" % (len(text), text)


def _parts(query: bytes) -> list[bytes]:
    if len(query) > MAX_QUERY:
        raise AnnounceError("The announce is too long.")
    return query.split(b"&")


def _unquote(value: bytes) -> bytes:
    return unquote_to_bytes(value) if b"%" in value else value


# A swarm's hash is quoted alike in all announces of one client's kind.
@lru_cache(maxsize=4096)
def _unquote_hash(value: bytes) -> bytes:
    return _unquote(value)


def _exact(fields: dict[bytes, bytes], name: bytes) -> bytes:
    return _hash_of(fields.get(name, b""), name.decode())


def _hash_of(quoted: bytes, name: str) -> bytes:
    # Whatever is longer than twenty quoted bytes is not read, nor remembered.
    long = len(quoted) > 3 * _HASH
    value = b"" if long else _unquote_hash(quoted) if name == "info_hash" else _unquote(quoted)
    if len(value) != _HASH:
        raise AnnounceError(f"The field {name} must have 20 bytes.")
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
    # bytes.isdigit knows ASCII digits alone: no sign, no blank, no other script, no escape.
    if text is None or not text.isdigit() or len(text) > 19 or not least <= int(text) <= most:
        raise AnnounceError(f"The field {name.decode()} must be a number from {least} to {most}.")
    return int(text)


def _verbose(peer: PeerAddress, announce: Announce) -> bytes:
    host = str(ipaddress.ip_address(peer.host)).encode()
    peer_id = b"" if announce.no_peer_id else b"7:peer id20:%s" % peer.peer_id
    return b"d2:ip%d:%s%s4:porti%dee" % (len(host), host, peer_id, peer.port)
