"""Rules by address, written into libtorrent's `ip_filter`.

The filter comes in empty, so this module knows nothing of libtorrent.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from typing import Any

from seeder.line import LAN

__all__ = ["block", "classify", "network_of"]

_BLOCKED = 1  # libtorrent's `ip_filter::blocked`, which has no name in Python
_ALL = ("0.0.0.0/0", "::/0")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def network_of(host: str) -> Network:
    """What one customer of a provider has: an IPv4 address, or a /64 of IPv6.

    Raises ValueError where `host` is no address.
    """
    address = ipaddress.ip_address(host.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return ipaddress.ip_network(address.ipv4_mapped)
        return ipaddress.ip_network((address, 64), strict=False)
    return ipaddress.ip_network(address)


def block(rules: Any, hosts: Iterable[str]) -> Any:
    """Block the networks of these hosts."""
    for host in hosts:
        _add(rules, network_of(host), _BLOCKED)
    return rules


def classify(rules: Any, *, everyone: int, nearby: int) -> Any:
    """Give every peer the classes `everyone`, and those of the own network `nearby`."""
    for everything in _ALL:
        _add(rules, ipaddress.ip_network(everything), everyone)
    for network in LAN:
        _add(rules, network, nearby)
    return rules


def _add(rules: Any, network: Network, flags: int) -> None:
    rules.add_rule(str(network[0]), str(network[-1]), flags)
