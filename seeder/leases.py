"""Leases of licences that end: fetched, kept in the device's record, and decided with.

A lease lies in the record (seeder.records) with the plays begun under it, so a power cut or a
copied file parts neither from the other. While the shop is away the lease that is held goes
on until its end and grace; a shop that answers wrongly takes nothing away.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from urllib.parse import quote

from drm.decision import Clock, Decision, Usage, decide
from drm.errors import DrmError, OnlineNeededError
from drm.lease import Lease, lease_key
from drm.licence import LicenceClaims
from drm.manifest import Manifest, check_key
from drm.rights import Action, Rights
from drm.status import Status
from seeder.client import ShopClient
from seeder.config import ShopFolder, exclusive
from seeder.device import DeviceKeys
from seeder.errors import LicenceRefusedError, SeederError, ShopAnswerError
from seeder.papers import Papers
from seeder.records import LicenceRecord, Record, Records
from seeder.shops import Shop
from seeder.trust import certified_lease, certified_manifest

__all__ = ["HeldLicence", "Leases", "Terms", "fetch_lease", "half_gone"]

NOT_OURS = (
    "The shop sent a lease that is not this device's answer to this question, signed by its "
    "keys, so it was not used. Try again later, and tell the shop if it stays so."
)
RETIRED = (
    "The shop sent a lease by a key whose time is over, so it was not used. "
    "Check this machine's clock and try again; tell the shop if it stays so."
)


@dataclass(frozen=True, slots=True)
class HeldLicence:
    """A licence that was read: what it says, and the JWS."""

    claims: LicenceClaims
    jws: str

    @property
    def leased(self) -> bool:
        return self.claims.rights.lease is not None


@dataclass(frozen=True, kw_only=True)
class Terms:
    """What a licence is decided with besides itself; for a perpetual one nothing matters."""

    now: datetime
    lease: Lease | None = None
    usage: Usage = field(default_factory=Usage)
    high_water: datetime | None = None


def half_gone(lease: Lease, now: datetime) -> bool:
    """Whether less than half of the lease is left, so that it is time for the next one."""
    return now - lease.issued_at >= (lease.expires - lease.issued_at) / 2


def fetch_lease(
    client: ShopClient,
    device: DeviceKeys,
    held: HeldLicence,
    known: LicenceRecord | None,
    *,
    manifest: Manifest | None,
    now: datetime,
) -> tuple[str, Lease]:
    """Ask the shop for a lease and verify it, its key by `manifest` where one is here; `known`
    is what this device reports of its playing.

    Raises LicenceRefusedError (bad_signature) for one that answers another question or holds
    another key, (retired_issuer) for one by a key whose time is over, or the ShopError of the
    call.
    """
    nonce = secrets.token_urlsafe(24)
    told = {
        "nonce": nonce,
        "counter": known.counter if known else 0,
        "first_play": _to_the_minute(known.first_play) if known else None,
        "plays": known.plays if known else 0,
    }
    path = f"/licences/{quote(held.claims.licence_id, safe='')}/lease"
    jws = client.ask("POST", path, json=told).get("lease")
    if not isinstance(jws, str):
        raise ShopAnswerError("The shop's answer lacks its lease. Try again later.")
    try:
        lease = certified_lease(
            jws, client.shop, licence=held.jws, device=device.thumbprint, nonce=nonce, now=now
        )
        key = lease_key(lease, sealing_key=device.sealing)
        if manifest is not None:
            check_key(manifest, key)
    except OnlineNeededError as error:
        raise LicenceRefusedError(RETIRED, code=error.code) from error
    except DrmError as error:
        raise LicenceRefusedError(NOT_OURS, code="bad_signature") from error
    return jws, lease


def _to_the_minute(moment: datetime | None) -> int | None:
    """Seconds since 1970, coarse on purpose: the shop need not know when exactly."""
    return None if moment is None else int(moment.timestamp()) // 60 * 60


def _untold(terms: Terms, *, grace: int) -> bool:
    """Whether a window began that the shop does not know of, as offline: the library says it.

    A play within its grace (seconds) may still be taken back.
    """
    first, lease = terms.usage.first_play, terms.lease
    told = lease is not None and lease.first_play is not None
    return first is not None and not told and terms.now - first >= timedelta(seconds=grace)


class Leases:
    """The leases of one device at one shop."""

    def __init__(
        self,
        shop: Shop,
        folder: ShopFolder,
        device: DeviceKeys,
        *,
        clock: Callable[[], datetime],
    ) -> None:
        self._shop = shop
        self._folder = folder
        self._device = device
        self._clock = clock
        self._lock = folder.path / "leases.lock"
        self.records = Records(folder, device, clock=clock)

    def terms(self, held: HeldLicence, record: Record | None = None) -> Terms:
        """What to decide `held` with: of a perpetual licence no file is read, no clock asked."""
        if held.claims.perpetual:
            return Terms(now=self._clock())
        record = record or self.records.read()
        lease = self._lease(held, record)
        seen = (record.high_water, held.claims.issued_at, lease.issued_at if lease else None)
        return Terms(
            now=self.records.now(),
            lease=lease,
            usage=record.usage(held.claims.licence_id),
            high_water=max(moment for moment in seen if moment is not None),
        )

    def _lease(self, held: HeldLicence, record: Record) -> Lease | None:
        known = record.licences.get(held.claims.licence_id)
        if known is None or not held.leased:
            return None
        try:
            return certified_lease(
                known.lease,
                self._shop,
                licence=held.jws,
                device=self._device.thumbprint,
                nonce=None,
                now=None,
            )
        except DrmError:  # as after a licence that was issued anew
            return None

    def decide(
        self,
        action: Action,
        held: HeldLicence,
        *,
        status: Status | None = None,
        record: Record | None = None,
        rights: Rights | None = None,
        now: datetime | None = None,
    ) -> Decision:
        """The answer of the one function (drm.decision) on this device.

        `record` is the device's record where the caller has read it; `rights` are other ones
        than the licence's, `now` another time than the clock's.
        """
        terms = self.terms(held, record)
        return decide(
            action,
            rights=rights or held.claims.rights,
            not_before=held.claims.not_before,
            expires=held.claims.expires,
            lease=terms.lease,
            status=status,
            usage=terms.usage,
            clock=Clock(now=now or terms.now, high_water=terms.high_water),
        )

    def due(self, held: HeldLicence) -> bool:
        """Whether a new lease is worth a call now."""
        if not held.leased:
            return False
        terms = self.terms(held)
        if terms.lease is None or half_gone(terms.lease, terms.now):
            return True
        if _untold(terms, grace=held.claims.rights.play_start_grace):
            return True
        decision = self.decide("play", held)
        # Plays are handed out lease by lease: the shop may have set the next one aside.
        return decision.go_online or decision.code == "plays_used_up"

    def renew(self, client: ShopClient, held: HeldLicence) -> None:
        """Fetch a lease and keep it. Raises as `fetch_lease` does; what is held then stays.

        One process at a time, since the shop takes two that present old counters for copies
        of this device; whoever waited uses the lease that came meanwhile.
        """
        licence_id = held.claims.licence_id
        before = self.records.read().licences.get(licence_id)
        with exclusive(self._lock):
            asked = self.records.read().licences.get(licence_id)
            if asked is not None and asked.counter != (before.counter if before else 0):
                return
            jws, lease = fetch_lease(
                client,
                self._device,
                held,
                asked,
                manifest=self._manifest(held.claims.package_id),
                now=self.records.now(),
            )
            new = LicenceRecord(package=held.claims.package_id, lease=jws, counter=lease.counter)

            def keep(record: Record) -> Record:
                now = record.licences.get(licence_id)
                kept = new
                if now is not None:
                    # Plays that began while the shop was asked are told next time.
                    left = max(0, now.plays - (asked.plays if asked else 0))
                    kept = replace(new, first_play=now.first_play, plays=left)
                return record.with_licence(licence_id, kept)

            self.records.believe(lease.issued_at, keep)

    def _manifest(self, package: str) -> Manifest | None:
        """The manifest that lies here; None where none does, or none that holds."""
        papers = Papers(self._folder, package, thumbprint=self._device.thumbprint, shop=self._shop)
        jws = papers.manifest()
        try:
            return None if jws is None else certified_manifest(jws, self._shop, package=package)
        except LicenceRefusedError:
            return None

    def refresh(
        self, client: ShopClient | None, held: HeldLicence, *, now_due: bool = False
    ) -> SeederError | None:
        """Renew where it is due, or in any case; the reason where that failed, with everything
        as it was."""
        if client is None:
            return None
        self._shop = client.shop  # which may know new keys by now
        if not held.leased or not (now_due or self.due(held)):
            return None
        try:
            self.renew(client, held)
        except SeederError as error:
            return error
        return None

    def cured(self, client: ShopClient, claims: LicenceClaims, jws: str) -> bool:
        """Whether a new lease opens what the one that is held does not."""
        held = HeldLicence(claims, jws)
        return self.refresh(client, held) is None and self.decide("play", held).allowed

    def drop(self, package: str) -> None:
        """Forget the leases of a package: the shop has signed that it is withdrawn."""

        def without(record: Record) -> Record:
            for name, licence in record.licences.items():
                if licence.package == package:
                    record = record.with_licence(name, None)
            return record

        if any(one.package == package for one in self.records.read().licences.values()):
            self.records.update(without)
