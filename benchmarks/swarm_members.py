"""Fills the tables of a benchmark's shop: `python -m benchmarks.swarm_members COUNT SOCKETS FILE`.

COUNT buyers with a device, a purchase and an announce address each; the first SOCKETS of
the devices are logged in too. What they need is written to FILE.
"""

from __future__ import annotations

import datetime as dt
import json
import secrets
import sys
from pathlib import Path
from typing import Any

__all__ = ["main"]

LISTINGS = 40


def main(count: int, sockets: int, file: str) -> None:
    """Fill the tables, and write the members to `file`."""
    import django

    django.setup()
    from django.utils import timezone

    from drm.keys import IdentityKey

    now = timezone.now()
    keys = [IdentityKey.generate() for _ in range(sockets)]
    devices = _buyers(count, keys, now)
    tokens = _swarms(devices, now)
    access = _logins(devices[:sockets], now)
    access += [""] * (count - sockets)
    members = [
        {
            "token": token,
            "info_hash": info_hash,
            "access": secret,
            "key": keys[at].to_bytes().hex() if at < sockets else "",
        }
        for at, ((token, info_hash), secret) in enumerate(zip(tokens, access, strict=True))
    ]
    Path(file).write_text(json.dumps(members))


def _buyers(count: int, keys: list[Any], now: dt.datetime) -> list[Any]:
    from drm.encoding import b64u
    from marketplace.accounts.models import Device, User

    users = [User(email=f"buyer-{number}@example.org") for number in range(count)]
    devices = [
        Device(
            user=user,
            name="bench",
            # Of a device without a key nobody asks for a proof.
            thumbprint=keys[at].public.thumbprint if at < len(keys) else f"{at:043d}",
            identity_key=b64u(keys[at].public.to_bytes()) if at < len(keys) else "",
            sealing_suite="X25519",
            registered_at=now,
            first_registered_at=now,
        )
        for at, user in enumerate(users)
    ]
    User.objects.bulk_create(users, batch_size=500)
    return Device.objects.bulk_create(devices, batch_size=500)


def _swarms(devices: list[Any], now: dt.datetime) -> list[tuple[str, str]]:
    """Let each device in to one of the swarms; its token and the announced info-hash."""
    from marketplace.distribution.models import AnnounceToken, Torrent
    from marketplace.licensing.models import Entitlement
    from tests.marketplace.trade import make_seller, sell

    seller = make_seller()
    listings = [sell(seller, title=f"Song {number}") for number in range(LISTINGS)]
    torrents = {torrent.package_id: torrent for torrent in Torrent.objects.all()}
    chosen = [listings[at % LISTINGS] for at in range(len(devices))]
    found = [torrents[str(listing.package_id)] for listing in chosen]
    tokens = [
        AnnounceToken(token=secrets.token_urlsafe(32), torrent=torrent, device=device)
        for torrent, device in zip(found, devices, strict=True)
    ]
    bought = [
        Entitlement(
            user_id=device.user_id,
            listing=listing,
            package_id=str(listing.package_id),
            rights={},
            created_at=now,
        )
        for device, listing in zip(devices, chosen, strict=True)
    ]
    AnnounceToken.objects.bulk_create(tokens, batch_size=500)
    Entitlement.objects.bulk_create(bought, batch_size=500)
    return [(row.token, row.torrent.info_hash[:40]) for row in tokens]


def _logins(devices: list[Any], now: dt.datetime) -> list[str]:
    from marketplace.accounts.models import DeviceLogin, DeviceToken
    from marketplace.accounts.tokens import digest_of

    secret = [secrets.token_urlsafe(32) for _ in devices]
    logins = [DeviceLogin(device=device, started_at=now) for device in devices]
    DeviceLogin.objects.bulk_create(logins, batch_size=500)
    access = [
        DeviceToken(
            login=login,
            kind=DeviceToken.Kind.ACCESS,
            digest=digest_of(text),
            expires_at=now + dt.timedelta(days=1),
        )
        for login, text in zip(logins, secret, strict=True)
    ]
    DeviceToken.objects.bulk_create(access, batch_size=500)
    return secret


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
