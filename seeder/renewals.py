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
from seeder.errors import SeederError, ShopUnreachableError
from seeder.leases import HeldLicence, Leases
from seeder.library import LibraryItem
from seeder.papers import Papers
from seeder.playback import Opener
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
        self._clock = clock
        self._leases = Leases(client.shop, folder, device, clock=clock)
        self._opener = Opener(client.shop, folder, device, client, clock=clock)
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
        # Of a package that was bought twice, the entry that counts comes last.
        for item in {i.package: i for i in sorted(items, key=lambda i: i.active)}.values():
            error = self._look_after(item, changed=changed)
            if isinstance(error, ShopUnreachableError):
                # The others would wait as long, each.
                pause, self._changed = RETRY, changed
                break
            if error is not None:
                pause = RETRY
        # Spread out: all seeders began at once when the shop came back.
        self._next = now + pause * (0.5 + secrets.randbelow(1000) / 1000)

    def _look_after(self, item: LibraryItem, *, changed: bool) -> SeederError | None:
        papers = self._opener.papers(item.package)
        if papers.revocation() is not None:
            self._leases.drop(item.package)
            return None
        try:
            error = self._renew(item, papers, changed=changed)
        except SeederError as failure:
            error = failure
        if error is not None and is_final(error):
            raise error
        return error

    def _renew(self, item: LibraryItem, papers: Papers, *, changed: bool) -> SeederError | None:
        held = self._held(papers)
        if held is None or held.claims.perpetual:
            return None
        if changed:
            # It may name another end now.
            self._opener.fetch_anew(item)
            held = self._held(papers) or held
        return self._leases.refresh(self._client, held, now_due=changed)

    def _held(self, papers: Papers) -> HeldLicence | None:
        jws = papers.licence()
        if jws is None:
            return None
        try:
            return HeldLicence(certified_licence(jws, self._client.shop)[0], jws)
        except DrmError:
            return None  # it opens nothing, and heals when it is opened
