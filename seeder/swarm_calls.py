"""What a device asks its shop about closed swarms (docs/protocol-v1.md, 4.16): label,
certificates, and whom to meet."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from drm.errors import FormatError
from drm.swarm_authority import MemberCertificate, read_certificate
from seeder.answers import UNREADABLE
from seeder.errors import SessionError, ShopAnswerError
from seeder.session_settings import require_label

__all__ = [
    "Answer",
    "Attendance",
    "Label",
    "Met",
    "Refused",
    "Shop",
    "SwarmView",
    "announce",
    "ask_certificate",
    "ask_label",
]

MOST_PEERS = 500
MOST_GONE = 5000
SHORTEST_INTERVAL, LONGEST_INTERVAL = 5, 3600  # seconds

_T = TypeVar("_T")


class Shop(Protocol):
    """What is used of `seeder.client.ShopClient`."""

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Label:
    """What the shop calls this run of the program, and until when."""

    text: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Attendance:
    """That this device has a torrent of a package, with `left` bytes missing."""

    package: str
    left: int
    event: str  # "", "started", "completed" or "stopped"
    info_hash: str


@dataclass(frozen=True, slots=True)
class Met:
    """A peer, where it is reached over TLS, and its label."""

    host: str
    port: int
    label: str


@dataclass(frozen=True, slots=True)
class SwarmView:
    """One swarm as the shop sees it; `gone` are labels of those who were put out of it."""

    package: str
    peers: tuple[Met, ...]
    gone: frozenset[str]
    seeds: int
    leechers: int


@dataclass(frozen=True, slots=True)
class Refused:
    """A package that this device may not share, and why."""

    package: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one announce; `interval` in seconds."""

    interval: int
    swarms: tuple[SwarmView, ...]
    refused: tuple[Refused, ...]


def ask_label(shop: Shop) -> Label:
    """A label for this run. Raises ShopError."""
    answer = shop.ask("POST", "/swarm/label")
    return _read(lambda: _label(answer))


def ask_certificate(shop: Shop, package: str, *, request: str) -> MemberCertificate:
    """A certificate for the key of `request` (PKCS #10, PEM). Raises ShopError."""
    answer = shop.ask("POST", f"/packages/{package}/certificate", json={"request": request})
    return _read(lambda: read_certificate(_text(answer["certificate"])))


def announce(shop: Shop, *, label: str, port: int, items: Sequence[Attendance]) -> Answer:
    """Enter, renew or leave swarms; `port` is that of TLS. Raises ShopError."""
    question = {"label": label, "port": port, "items": [asdict(item) for item in items]}
    answer = shop.ask("POST", "/swarm/announce", json=question)
    return _read(lambda: _answer(answer))


def _read(reader: Callable[[], _T]) -> _T:
    try:
        return reader()
    except (KeyError, TypeError, ValueError, OverflowError, FormatError, SessionError) as error:
        raise ShopAnswerError(UNREADABLE) from error


def _label(answer: dict[str, Any]) -> Label:
    expires = datetime.fromisoformat(answer["expires"])
    return Label(require_label(_text(answer["label"])), expires.astimezone(UTC))


def _answer(answer: dict[str, Any]) -> Answer:
    interval = min(max(_count(answer["interval"]), SHORTEST_INTERVAL), LONGEST_INTERVAL)
    return Answer(
        interval,
        tuple(_swarm(item) for item in answer["items"]),
        tuple(
            Refused(_text(item["package"]), _text(item["code"]), _text(item["message"]))
            for item in answer["refused"]
        ),
    )


def _swarm(item: dict[str, Any]) -> SwarmView:
    return SwarmView(
        package=_text(item["package"]),
        peers=tuple(_met(peer) for peer in item["peers"][:MOST_PEERS]),
        gone=frozenset(_text(label) for label in item["gone"][:MOST_GONE]),
        seeds=_count(item["seeds"]),
        leechers=_count(item["leechers"]),
    )


def _met(peer: dict[str, Any]) -> Met:
    host, port = ipaddress.ip_address(_text(peer["host"])), _count(peer["port"])
    if host.is_multicast or host.is_unspecified or not 0 < port < 65536:
        raise ValueError("not the address of a peer")
    return Met(str(host), port, require_label(_text(peer["label"])))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError("not a number")
    return value
