"""Who is a neighbour of whom: addresses as the networks that one household has."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Collection
from typing import Final

from marketplace.distribution.models import SwarmLabel
from marketplace.distribution.receipt_models import SeenNetwork

__all__ = ["network_of", "networks_of", "note_network"]

REMEMBERED: Final = dt.timedelta(days=180)
_PREFIX: Final = {4: 24, 6: 64}


def network_of(address: str | None) -> str:
    """The /24 of an IPv4 address or the /64 of an IPv6 one; "" of what is none.

    An IPv4 address that is written as an IPv6 one (RFC 4291, section 2.5.5.2) is an IPv4 one.
    """
    try:
        parsed = ipaddress.ip_address((address or "").partition("%")[0])
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    return str(ipaddress.ip_network(f"{parsed}/{_PREFIX[parsed.version]}", strict=False))


def note_network(*, device_id: uuid.UUID, address: str | None, now: dt.datetime) -> None:
    """Remember where a device spoke from, and forget where it was half a year ago."""
    SeenNetwork.objects.filter(device_id=device_id, seen_at__lt=now - REMEMBERED).delete()
    if network := network_of(address):
        SeenNetwork.objects.update_or_create(
            device_id=device_id, network=network, defaults={"seen_at": now}
        )


def networks_of(user_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, set[str]]:
    """Every network that each user's devices, also removed ones, were seen in."""
    found: dict[uuid.UUID, set[str]] = {user_id: set() for user_id in user_ids}
    seen = SeenNetwork.objects.filter(device__user_id__in=user_ids)
    for user_id, network in seen.values_list("device__user_id", "network"):
        found[user_id].add(network)
    labels = SwarmLabel.objects.filter(device__user_id__in=user_ids, address__isnull=False)
    for owner, address in labels.values_list("device__user_id", "address").distinct():
        if owner is not None:
            found[owner].add(network_of(address))
    return found
