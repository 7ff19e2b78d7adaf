"""Who is a neighbour of whom: addresses as the networks that one household has."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Collection
from typing import Final

from marketplace.distribution.receipt_models import SeenNetwork

__all__ = ["PER_DEVICE", "neighbours_of", "network_of", "note_network", "seen_at"]

REMEMBERED: Final = dt.timedelta(days=180)
PER_DEVICE: Final = 300  # networks, the latest: a phone that travels has some a week
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
    """Remember where a device spoke from; forget where it was half a year ago, and, of a device
    that was in very many networks, where it was seen last the longest ago."""
    own = SeenNetwork.objects.filter(device_id=device_id)
    own.filter(seen_at__lt=now - REMEMBERED).delete()
    if not (network := network_of(address)):
        return
    _row, is_new = SeenNetwork.objects.update_or_create(
        device_id=device_id, network=network, defaults={"seen_at": now}
    )
    if is_new:
        oldest = own.order_by("-seen_at", "-pk").values_list("pk", flat=True)[PER_DEVICE:]
        own.filter(pk__in=list(oldest)).delete()


def neighbours_of(user_id: uuid.UUID, *, among: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Those users `among` whose devices, also removed ones, were seen in a network in which one
    of the user's was."""
    own = SeenNetwork.objects.filter(device__user_id=user_id).values("network")
    near = SeenNetwork.objects.filter(device__user_id__in=among, network__in=own)
    return set(near.values_list("device__user_id", flat=True))


def seen_at(places: Collection[tuple[uuid.UUID, str]]) -> set[tuple[uuid.UUID, str]]:
    """Those of these users and networks where a device of the user, also a removed one, was
    seen; in one query."""
    rows = SeenNetwork.objects.filter(
        device__user_id__in={user_id for user_id, _network in places},
        network__in={network for _user, network in places},
    )
    return set(rows.values_list("device__user_id", "network")).intersection(places)
