"""Renewing leases while the daemon runs: in good time, spread out, and at once when told to."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from drm.errors import DrmError
from seeder.client import ShopClient
from seeder.config import ShopFolder
from seeder.device import DeviceKeys
from seeder.downloads import is_final
from seeder.errors import ShopUnreachableError
from seeder.leases import HeldLicence, Leases
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.trust import certified_licence

__all__ = ["Renewals"]

EVERY = timedelta(hours=1)  # a lease lasts days and is renewed from its half on
RETRY = timedelta(minutes=10)


class Renewals:
    """The leases of all purchases of one device at one shop. One thread calls it."""

    def __init__(
        self,
        client: ShopClient,
        folder: ShopFolder,
        device: DeviceKeys,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._folder = folder
        self._device = device
        self._clock = clock
        self._leases = Leases(client.shop, folder, device, clock=clock)
        self._next = clock()
        self._changed = False

    def hurry(self, *, changed: bool = False) -> None:
        """Look at the next step; `changed`: the shop has other terms, so renew in any case."""
        self._next = self._clock()
        self._changed = self._changed or changed

    def step(self, items: Sequence[LibraryItem]) -> None:
        """Renew what is due and drop what the shop has signed away.

        Raises only what ends all work with the shop (`is_final`).
        """
        now = self._clock()
        if now < self._next:
            return
        changed, self._changed = self._changed, False
        pause = EVERY
        for package in dict.fromkeys(item.package for item in items):
            error = self._look_after(package, changed=changed)
            if isinstance(error, ShopUnreachableError):
                # The others would wait as long, each.
                pause, self._changed = RETRY, changed
                break
            if error is not None:
                pause = RETRY
        # Spread out: all seeders began at once when the shop came back.
        self._next = now + pause * (0.5 + secrets.randbelow(1000) / 1000)

    def _look_after(self, package: str, *, changed: bool) -> Exception | None:
        papers = Papers(
            self._folder, package, thumbprint=self._device.thumbprint, shop=self._client.shop
        )
        if papers.revocation() is not None:
            self._leases.drop(package)
            return None
        jws = papers.licence()
        if jws is None:
            return None
        try:
            claims, _issuer = certified_licence(jws, self._client.shop)
        except DrmError:
            return None  # it opens nothing, and heals when it is opened
        error = self._leases.refresh(self._client, HeldLicence(claims, jws), now_due=changed)
        if error is not None and is_final(error):
            raise error
        return error
