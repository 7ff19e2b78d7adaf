"""Announcing to closed swarms over the API: who is there, whom to dial, whom to cut.

The peers are kept where the tracker keeps those of open swarms; here the peer id is the
label. The newcomer dials; some of those who were there before are told to ask, and dial it, too.
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from django.conf import settings
from django.core.cache import cache
from django.db.models import Exists
from django.utils.translation import gettext as _

from marketplace.accounts.types import Device, User
from marketplace.distribution.announce import Announce, PeerAddress
from marketplace.distribution.closed import let_in_again, put_out
from marketplace.distribution.errors import AddressUnknownError
from marketplace.distribution.labels import require_label
from marketplace.distribution.models import OriginSeat, OriginState, Torrent
from marketplace.distribution.networks import note_network
from marketplace.distribution.newcomers import tell_of_newcomer
from marketplace.distribution.swarm import View, heard
from marketplace.licensing import queries as licensing

__all__ = [
    "Answer",
    "Attendance",
    "Met",
    "RefusedItem",
    "SwarmView",
    "announce_device",
    "leave_seat",
    "take_seat",
]

MOST_PEERS: Final = 30
INTERVAL: Final = 300  # seconds, give or take a tenth
LONELY_INTERVAL: Final = 15  # for who still waits for a first seed
NEWCOMER_PAUSE: Final = 60  # seconds
SEAT_LIFETIME: Final = dt.timedelta(minutes=2)
_SERVES = frozenset({"seeding"})
_NEEDS = frozenset({"downloading", "checking"})


@dataclass(frozen=True, slots=True)
class Attendance:
    """That a device has a package, with `left` bytes missing."""

    package: str
    left: int
    event: str = ""
    info_hash: str = ""  # of the torrent that it has; "" where it does not say


@dataclass(frozen=True, slots=True)
class Met:
    """A peer to dial, over TLS, and the label by which it calls itself."""

    host: str
    port: int
    label: str


@dataclass(frozen=True, slots=True)
class SwarmView:
    """What a device is told of one swarm; `gone`: labels to be cut."""

    package: str
    peers: tuple[Met, ...]
    gone: tuple[str, ...]
    seeds: int
    leechers: int


@dataclass(frozen=True, slots=True)
class RefusedItem:
    """A package that is passed over, and why."""

    package: str
    code: str
    message: str


@dataclass(slots=True)
class Answer:
    """The answer to one announce; `interval` in seconds."""

    interval: int = 0
    swarms: list[SwarmView] = field(default_factory=list)
    refused: list[RefusedItem] = field(default_factory=list)


def announce_device(
    *,
    user: User,
    device: Device,
    label: str,
    port: int,
    address: str | None,
    items: Sequence[Attendance],
    now: dt.datetime,
) -> Answer:
    """Enter, renew or leave the closed swarms of `items`; whom to dial in each.

    `address` is where the request came from: what a device says of itself is not asked.
    Raises LabelError, AddressUnknownError.
    """
    if address is None:
        raise AddressUnknownError(
            _("The shop cannot see from which address you call. Its operator has to act.")
        )
    known = require_label(device=device, label=label, now=now)
    if (known.address, known.port) != (address, port):
        for seen in (known.address, address):
            note_network(device_id=device.pk, address=seen, now=now)
        known.address, known.port = address, port
        known.save(update_fields=["address", "port"])
    # What is named twice counts once, the last.
    items = list({item.package: item for item in items}.values())
    packages = [item.package for item in items]
    may_open = licensing.packages_of(user)
    let_in_again(device_id=device.pk, package_ids=may_open.intersection(packages))
    torrents = {t.package_id: t for t in _torrents(packages)}
    gone = put_out(packages, now=now)
    origin = _origin(packages, now=now)
    answer, lonely = Answer(), False
    for item in items:
        torrent = torrents.get(item.package)
        refused = _refusal(item, torrent, entitled=item.package in may_open)
        if refused is not None or torrent is None:
            answer.refused += [refused] if refused else []
            continue
        view = _hear(torrent, device, label, port, address, item, now=now.timestamp())
        cut = set(gone.get(item.package, ()))
        others = [peer for peer in map(_met, view.peers) if peer.label not in cut]
        if item.event == "started" and item.left > 0 and _is_news(device, item.package):
            tell_of_newcomer(item.package, [peer.label for peer in others])
        peers = [*origin.peers_for(item), *others]
        seeds = view.size.seeds + origin.serves(item.package)
        answer.swarms.append(
            SwarmView(
                package=item.package,
                peers=tuple(peer for peer in peers if peer.label != label),
                gone=tuple(cut),
                seeds=seeds,
                leechers=view.size.leechers,
            )
        )
        lonely = lonely or (item.left > 0 and seeds == 0 and item.event != "stopped")
    answer.interval = LONELY_INTERVAL if lonely else _spread(INTERVAL)
    return answer


def take_seat(*, label: str, port: int, now: dt.datetime) -> None:
    """Say where the origin is reached over TLS; to be said again within SEAT_LIFETIME."""
    OriginSeat.objects.update_or_create(
        pk=1,
        defaults={"label_id": label, "host": _origin_host(), "port": port, "seen_at": now},
    )


def leave_seat(*, label: str) -> None:
    """Say that the origin goes."""
    OriginSeat.objects.filter(label_id=label).delete()


def seat_taken(*, now: dt.datetime) -> Exists:
    """Whether the origin says that it is there, as a condition of a query."""
    return Exists(OriginSeat.objects.filter(seen_at__gt=now - SEAT_LIFETIME))


@dataclass(frozen=True, slots=True)
class _Origin:
    """The origin as a peer, and how it stands with each package asked for."""

    met: Met | None
    states: Mapping[str, str]

    def serves(self, package: str) -> bool:
        return self.met is not None and self.states.get(package) in _SERVES

    def peers_for(self, item: Attendance) -> list[Met]:
        if self.met is None:
            return []
        # As for everybody: seeds are given no seeds.
        useful = _SERVES if item.left > 0 else _NEEDS
        return [self.met] if self.states.get(item.package) in useful else []


def _origin(packages: Sequence[str], *, now: dt.datetime) -> _Origin:
    seat = OriginSeat.objects.filter(seen_at__gt=now - SEAT_LIFETIME).first()
    if seat is None:
        return _Origin(None, {})
    states = OriginState.objects.filter(package_id__in=packages)
    return _Origin(
        Met(seat.host, seat.port, seat.label_id), dict(states.values_list("package_id", "state"))
    )


def _origin_host() -> str:
    """Where peers dial the origin: as the operator says, else where it listens."""
    if settings.ORIGIN_ADDRESS:
        return str(settings.ORIGIN_ADDRESS)
    listens = settings.ORIGIN_TLS_LISTEN.rpartition(":")[0].strip("[]")
    try:
        host = ipaddress.ip_address(listens)
    except ValueError:
        return "127.0.0.1"
    return "127.0.0.1" if host.is_unspecified else str(host)


def _torrents(packages: Sequence[str]) -> list[Torrent]:
    return list(Torrent.objects.filter(package_id__in=packages).defer("metainfo"))


def _is_news(device: Device, package: str) -> bool:
    """Whether others were not told of the device a moment ago: each of them asks once more."""
    return cache.add(f"swarm-newcomer:{device.pk}:{package}", 1, timeout=NEWCOMER_PAUSE)


def _refusal(item: Attendance, torrent: Torrent | None, *, entitled: bool) -> RefusedItem | None:
    if not entitled or torrent is None:
        message = _("There is no such purchase in your library.")
        return RefusedItem(item.package, "entitlement_not_found", message)
    if not torrent.closed or item.info_hash not in ("", torrent.info_hash):
        message = _("The torrent of this item has changed. Fetch it again.")
        return RefusedItem(item.package, "torrent_changed", message)
    return None


def _hear(
    torrent: Torrent,
    device: Device,
    label: str,
    port: int,
    address: str,
    item: Attendance,
    *,
    now: float,
) -> View:
    told = Announce(
        info_hash=bytes.fromhex(torrent.info_hash)[:20],
        peer_id=label.encode("ascii"),
        port=port,
        left=item.left,
        uploaded=0,
        downloaded=0,
        event=item.event,
        numwant=MOST_PEERS,
        compact=False,
        no_peer_id=False,
    )
    host = _packed(address)
    return heard(told.info_hash, f"device:{device.pk}", told, host, now=now)


def _packed(address: str) -> bytes:
    host = ipaddress.ip_address(address)
    mapped = host.ipv4_mapped if isinstance(host, ipaddress.IPv6Address) else None
    return (mapped or host).packed


def _met(peer: PeerAddress) -> Met:
    return Met(str(ipaddress.ip_address(peer.host)), peer.port, peer.peer_id.decode("ascii"))


def _spread(seconds: int) -> int:
    tenth = seconds // 10
    return seconds - tenth + secrets.randbelow(2 * tenth + 1)
