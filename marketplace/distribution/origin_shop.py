"""The shop as the origin asks it: what a seeder asks over HTTP, answered in this process.

So the origin takes part in closed swarms by the very code of the buyers' seeders. Whoever needs
it, or whom it needs, is told where it is; it is told of those alone who share a router with
somebody it has to cut, and who are to stay.
"""

from __future__ import annotations

from typing import Any, Final

from django.utils import timezone

from marketplace.distribution.authority import certificate_for_origin
from marketplace.distribution.closed import neighbours, put_out
from marketplace.distribution.labels import issue_label
from marketplace.distribution.models import Torrent
from marketplace.distribution.peering import leave_seat, take_seat

__all__ = ["OriginShop"]

INTERVAL: Final = 30  # seconds: well within the time for which its seat counts


class OriginShop:
    """Answers `ask` as section 4 of docs/protocol-v1.md says, for the platform's own seeder."""

    def ask(self, method: str, path: str, *, json: Any = None) -> dict[str, Any]:
        """One call. Raises what the services raise."""
        match [method, *path.strip("/").split("/")]:
            case ["POST", "swarm", "label"]:
                label = issue_label(device=None, now=timezone.now())
                return {"label": label.label, "expires": label.expires_at.isoformat()}
            case ["POST", "packages", package, "certificate"]:
                issued = certificate_for_origin(
                    package_id=package, request=json["request"], now=timezone.now()
                )
                return {"certificate": issued.pem, "expires": issued.expires_at.isoformat()}
            case ["POST", "swarm", "announce"]:
                return _announce(json)
        raise LookupError(f"the origin asks nothing of {path}")


def _announce(told: dict[str, Any]) -> dict[str, Any]:
    now = timezone.now()
    items = {item["package"]: item for item in told["items"]}
    if all(item["event"] == "stopped" for item in items.values()):
        leave_seat(label=told["label"])
    else:
        take_seat(label=told["label"], port=told["port"], now=now)
    known = dict(
        Torrent.objects.filter(package_id__in=items, closed=True).values_list(
            "package_id", "info_hash"
        )
    )
    gone = put_out(list(known), now=now)
    return {
        "interval": INTERVAL,
        "items": [
            {
                "package": package,
                "peers": [
                    {"host": host, "port": port, "label": label}
                    for host, port, label in (
                        neighbours(package, gone[package], now=now) if package in gone else ()
                    )
                ],
                "gone": gone.get(package, []),
                "seeds": 0,
                "leechers": 0,
            }
            for package in items
            if items[package]["info_hash"] == known.get(package)
        ],
        "refused": [
            {"package": package, "code": "torrent_changed", "message": ""}
            for package in items
            if items[package]["info_hash"] != known.get(package)
        ],
    }
