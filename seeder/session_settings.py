"""What a BitTorrent session may and may not do, in libtorrent's words."""

from __future__ import annotations

import secrets
import string
from dataclasses import dataclass
from typing import Any

from seeder.alerts import ALERT_MASK
from seeder.errors import SessionError

__all__ = ["LABEL_LENGTH", "SessionSettings", "random_label", "require_label", "searching"]

LABEL_LENGTH = 20  # of a peer id (BEP 3)
_LETTERS = string.ascii_letters + string.digits

# Where a DHT node that knows nobody asks first (BEP 5); any one that answers will do.
_DHT = "dht.libtorrent.org:25401,router.bittorrent.com:6881,dht.transmissionbt.com:6881"


def searching(*, router: bool, open_swarms: bool) -> dict[str, Any]:
    """Give the part of the settings pack that asks others: the router for a port, the DHT and
    the local network for peers of open torrents. May be applied to a session that runs."""
    return {
        "enable_dht": open_swarms,
        "dht_bootstrap_nodes": _DHT if open_swarms else "",
        "enable_lsd": open_swarms,
        "enable_upnp": router,
        "enable_natpmp": router,
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionSettings:
    """What may differ between the origin, a buyer's computer and a test.

    Rates are in bytes a second, 0 for no limit, and hold for peers on the same
    network too. `tcp_only` is for the origin, loopback and LAN, where uTP is many
    times slower; at home uTP keeps the uplink usable. `discovery` asks the router
    for an open port (UPnP, NAT-PMP). `outgoing` is the address to dial from. `open_swarms`
    finds peers of open torrents in the DHT and on the local network, where no shop is left
    to name them; private ones stay out of both. `label` is the
    peer id that other peers see, 20 letters and digits; "" takes a random one.
    """

    download_rate: int = 0
    upload_rate: int = 0
    connections: int = 500
    tcp_only: bool = False
    discovery: bool = False
    open_swarms: bool = False
    outgoing: str = ""
    label: str = ""
    announce_floor: int = 30  # seconds: a shorter interval of a tracker is not followed
    save_seconds: float = 60.0
    status_seconds: float = 0.5
    user_agent: str = "geobuk"

    def for_libtorrent(self, listen: str) -> dict[str, Any]:
        """Give the settings pack, for `listen` like "0.0.0.0:6881,[::]:6881"."""
        return {
            "listen_interfaces": listen,
            "outgoing_interfaces": self.outgoing,
            "user_agent": self.user_agent,
            "peer_fingerprint": require_label(self.label or random_label()).encode(),
            "alert_mask": ALERT_MASK,
            "alert_queue_size": 100_000,
            "download_rate_limit": self.download_rate,
            "upload_rate_limit": self.upload_rate,
            "connections_limit": self.connections,
            "webtorrent_stun_server": "",
            # Private torrents know their peers from the shop alone.
            **searching(router=self.discovery, open_swarms=self.open_swarms),
            "enable_incoming_utp": not self.tcp_only,
            "enable_outgoing_utp": not self.tcp_only,
            # Two buyers behind one router are two buyers.
            "allow_multiple_connections_per_ip": True,
            # Else whoever copies a label throws its owner out.
            "allow_multiple_connections_per_pid": True,
            # Seeds stay connected: what a peer sent before it was cut could not be counted.
            "close_redundant_connections": False,
            # A taken port is reported, not replaced by another that nobody expects.
            "listen_system_port_fallback": False,
            "max_retry_port_bind": 0,
            # Every torrent runs: the default leaves all but five seeds paused.
            "active_downloads": -1,
            "active_seeds": -1,
            "active_checking": 2,
            "active_limit": -1,
            "active_tracker_limit": -1,
            "unchoke_slots_limit": -1,
            # The first piece comes in 0.2 s, not in 0.6 s.
            "tick_interval": 100,
            "aio_threads": 4,
            "hashing_threads": 2,
            "min_announce_interval": self.announce_floor,
            "stop_tracker_timeout": 1,
            "min_reconnect_time": 5,
            # On loopback only paths that begin with /announce are asked.
            "ssrf_mitigation": True,
            "validate_https_trackers": True,
        }


def random_label() -> str:
    """A label that nobody has given out."""
    return "".join(secrets.choice(_LETTERS) for _ in range(LABEL_LENGTH))


def require_label(label: str) -> str:
    """The label, or SessionError where it is none."""
    if len(label) != LABEL_LENGTH or set(label) - set(_LETTERS):
        raise SessionError(f"A label is {LABEL_LENGTH} letters and digits. Ask for a new one.")
    return label
