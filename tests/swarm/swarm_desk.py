"""The shop's desk for closed swarms (docs/protocol-v1.md), in memory: labels, certificates, announces."""

from __future__ import annotations

import secrets
import string
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from drm.swarm_authority import issue_certificate
from seeder.errors import ShopRefusedError, ShopUnreachableError
from seeder.swarm_calls import Shop
from tests.swarm.closed import Authority

__all__ = ["SwarmDesk"]

HOUR = timedelta(hours=1)
_LETTERS = string.ascii_letters + string.digits


@dataclass
class SwarmDesk:
    """Packages by their authorities; `away` and `out` are its switches."""

    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    interval: int = 300
    away: bool = False
    authorities: dict[str, Authority] = field(default_factory=dict)
    out: set[tuple[str, str]] = field(default_factory=set)  # (device, package)
    changed: set[str] = field(default_factory=set)  # packages with another torrent
    labels: dict[str, str] = field(default_factory=dict)  # label to device
    swarms: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    events: list[tuple[str, str, str]] = field(default_factory=list)  # device, package, event
    certificates: list[tuple[str, str]] = field(default_factory=list)  # device, package
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def closed(self, package: str) -> bool:
        return package in self.authorities

    def shop(self, device: str, *, host: str = "127.0.0.1") -> Shop:
        """The shop as one device sees it, which calls from `host`."""
        return _Line(self, device, host)

    def ask(self, device: str, host: str, path: str, body: Any) -> dict[str, Any]:
        with self._lock:
            if self.away:
                raise ShopUnreachableError("The shop cannot be reached. Try again later.")
            if path == "/swarm/label":
                return self._label(device)
            if path == "/swarm/announce":
                return self._announce(device, host, body)
            return self._certificate(device, path.split("/")[2], body)

    def _label(self, device: str) -> dict[str, Any]:
        label = "".join(secrets.choice(_LETTERS) for _ in range(20))
        self.labels[label] = device
        return {"label": label, "expires": (self.clock() + timedelta(days=7)).isoformat()}

    def _certificate(self, device: str, package: str, body: Any) -> dict[str, Any]:
        if (device, package) in self.out:
            raise ShopRefusedError(
                "It is not in your library.", code="entitlement_not_found", status=404
            )
        self.certificates.append((device, package))
        issued = issue_certificate(
            body["request"],
            key=self.authorities[package].key,
            package_id=package,
            now=self.clock(),
            lifetime=HOUR,
        )
        return {"certificate": issued.pem, "expires": issued.expires_at.isoformat()}

    def _announce(self, device: str, host: str, body: Any) -> dict[str, Any]:
        label = body["label"]
        if self.labels.get(label) != device:
            raise ShopRefusedError("Ask for a new one.", code="label_ended", status=409)
        items, refused = [], []
        for item in body["items"]:
            package = item["package"]
            swarm = self.swarms.setdefault(package, {})
            self.events.append((device, package, item["event"]))
            if no := self._refusal(device, item):
                swarm.pop(label, None)
                refused.append({"package": package, **no})
                continue
            if item["event"] == "stopped":
                swarm.pop(label, None)
            else:
                swarm[label] = {"host": host, "port": body["port"], "left": item["left"]}
            items.append(self._view(device, label, package, item["left"]))
        return {"interval": self.interval, "items": items, "refused": refused}

    def _refusal(self, device: str, item: Any) -> dict[str, str] | None:
        if (device, item["package"]) in self.out:
            return {"code": "entitlement_not_found", "message": "It is not in your library."}
        if item["package"] in self.changed:
            return {"code": "torrent_changed", "message": "Fetch it again."}
        return None

    def _view(self, device: str, label: str, package: str, left: int) -> dict[str, Any]:
        others = {other: peer for other, peer in self.swarms[package].items() if other != label}
        return {
            "package": package,
            "peers": [
                {"host": peer["host"], "port": peer["port"], "label": other}
                for other, peer in others.items()
                if (left > 0 or peer["left"] > 0) and (self.labels[other], package) not in self.out
            ],
            "gone": [name for name, who in self.labels.items() if (who, package) in self.out],
            "seeds": sum(peer["left"] == 0 for peer in others.values()),
            "leechers": sum(peer["left"] > 0 for peer in others.values()),
        }


@dataclass
class _Line:
    desk: SwarmDesk
    device: str
    host: str

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        assert method == "POST"
        return self.desk.ask(self.device, self.host, path, json)
