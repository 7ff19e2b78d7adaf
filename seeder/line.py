"""What a session's line to the world has carried, and whether the world can reach it.

Bookkeeping of what libtorrent reported, guarded by the session's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

__all__ = [
    "LAN",
    "Line",
    "LineEvent",
    "PortMapped",
    "PortRefused",
    "Reach",
    "SeenAs",
    "Traffic",
    "is_lan",
]

# The own network: RFC 1918, RFC 4193, and link-local addresses (RFC 3927, RFC 4291).
# Loopback is none: what is limited there is limited to be looked at.
LAN: Final = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "169.254.0.0/16",
        "fc00::/7",
        "fe80::/10",
    )
)


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bytes of a whole session, with all that goes with the content, down to IP headers."""

    sent: int
    received: int
    content_sent: int
    content_received: int
    incoming: bool  # somebody from beyond this machine and its network has dialled in


@dataclass(frozen=True, slots=True)
class PortMapped:
    """The router opened a port."""

    via: str  # "UPnP" or "NAT-PMP"
    port: int


@dataclass(frozen=True, slots=True)
class PortRefused:
    """No router was found, or it opened no port."""

    via: str
    message: str


@dataclass(frozen=True, slots=True)
class SeenAs:
    """Somebody outside told us our address."""

    host: str


LineEvent = Traffic | PortMapped | PortRefused | SeenAs


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Whether peers elsewhere can dial this session."""

    ports: tuple[int, ...]  # that peers dial: of open swarms, and of closed ones
    ipv6: bool  # it listens on IPv6 too
    local: bool  # it listens for this machine alone, as for a shop that is here too
    incoming: bool  # a peer from beyond this machine and its network has dialled in
    mapped: str  # "UPnP" or "NAT-PMP" where the router opened ports, else ""
    mapped_ports: tuple[int, ...]  # those ports on the outside
    refused: str  # what the router, or the search for one, said instead
    seen_as: tuple[str, ...]  # our addresses as others named them


def is_lan(host: str) -> bool:
    """Whether an address belongs to a network of one's own."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return any(address in network for network in LAN)


class Line:
    """Keeps the last of what was heard. Raises nothing, asks nothing."""

    def __init__(self) -> None:
        self.traffic = Traffic(0, 0, 0, 0, incoming=False)
        self.reports = 0  # of the traffic, so far
        self._asked = True
        self._mapped: dict[str, set[int]] = {}
        self._refused: dict[str, str] = {}
        self._seen_as: dict[str, None] = {}

    def hear(self, event: LineEvent) -> None:
        match event:
            case Traffic():
                self.traffic = event
                self.reports += 1
            case PortMapped(via=via, port=port) if self._asked:
                self._mapped.setdefault(via, set()).add(port)
                self._refused.pop(via, None)
            # One port may be refused while another is open.
            case PortRefused(via=via, message=message) if self._asked and via not in self._mapped:
                self._refused[via] = message
            case SeenAs(host=host):
                self._seen_as[host] = None

    def ask_router(self, wanted: bool) -> None:
        """Whether the router is asked; where not, its ports are given back, and what it still
        says of that is of no interest."""
        self._asked = wanted
        if not wanted:
            self._mapped.clear()
            self._refused.clear()

    def reach(self, listening: Sequence[tuple[str, int]]) -> Reach:
        """Give what is known now, of a session that listens at these addresses and ports."""
        via, opened = next(iter(self._mapped.items()), ("", set()))
        refused = [f"{name}: {message}" for name, message in sorted(self._refused.items())]
        return Reach(
            ports=tuple(dict.fromkeys(port for _host, port in listening)),
            ipv6=any(ip_address(host).version == 6 for host, _port in listening),
            local=all(ip_address(host).is_loopback for host, _port in listening),
            incoming=self.traffic.incoming,
            mapped=via,
            mapped_ports=tuple(sorted(opened)),
            refused="" if via else "; ".join(refused),
            seen_as=tuple(self._seen_as),
        )
