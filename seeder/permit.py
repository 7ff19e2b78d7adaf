"""One play of something that ends: recorded before its first byte, and stopped in time.

    open ─► first byte wanted: decide once more and record, under the record's lock ─► bytes
      ─► each chunk: is it over? is it time for the next lease? ─► end

A process that is killed after the record was written has used that one play and no more.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta

import drm.errors
from drm.decision import Decision, require
from seeder.client import ShopClient
from seeder.errors import LicenceRefusedError
from seeder.leases import HeldLicence, Leases
from seeder.library import LibraryItem
from seeder.records import LicenceRecord, Record
from seeder.terms import Remaining, remaining_of

__all__ = ["Permit"]

LOOK_EVERY = 60.0  # seconds of playing between two looks at the clock that are kept
NOT_WRITTEN = (
    "This play cannot be written down, so it was not begun and costs nothing. "
    "Free some space on the disk, and try again."
)
PATIENCE = 5.0  # seconds to wait at the end for a lease that is on its way
ASK_EVERY = 300.0  # seconds of playing between two tries to get the next lease


class Permit:
    """What a play of `held` may still do. Threads may share it; `client` is None offline."""

    def __init__(
        self,
        leases: Leases,
        held: HeldLicence,
        decision: Decision,
        *,
        client: ShopClient | None,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self.held = held
        self.decision = decision
        self._leases = leases
        self._client = client
        self._timer = timer
        self._lock = threading.Lock()
        self._began: tuple[datetime, float] | None = None
        self._before: LicenceRecord | None = None
        self._looked = 0.0
        self._asked: float | None = None
        self._renewing: threading.Thread | None = None

    @property
    def begun(self) -> bool:
        return self._began is not None

    @property
    def stops(self) -> datetime | None:
        """When bytes end; None where only the shop's word ends them."""
        return self.decision.stops

    def look(self) -> None:
        """Refuse where it is over, without beginning. Raises LicenceRefusedError."""
        with self._lock:
            if self._began is not None:
                self._require_time()
                return
            decision = self._leases.decide("play", self.held)
            if not decision.allowed:
                raise LicenceRefusedError(decision.message, code=decision.code)
            self.decision = decision

    def check(self) -> None:
        """Let the next bytes pass; the first ones begin the play, on disk before this returns.

        Raises LicenceRefusedError with what is over and what to do.
        """
        with self._lock:
            if self._began is None:
                self._begin()
            now, played = self._require_time()
            self._keep_up(now, played)

    def remaining(self, item: LibraryItem) -> Remaining | None:
        """What is left of the purchase that this is a play of."""
        return remaining_of(item, self.held, self._leases)

    def end(self) -> None:
        """Close the play; one shorter than the grace of its right is taken back."""
        if self._renewing is not None:
            self._renewing.join(PATIENCE)
        with self._lock:
            if self._began is None or self._before is None:
                return
            grace = self.held.claims.rights.play_start_grace
            if self._now()[1] < grace:
                self._leases.records.update(self._taken_back)
            self._before = None

    def _begin(self) -> None:
        taken: list[tuple[Decision, datetime, LicenceRecord | None]] = []

        def record_play(record: Record) -> Record:
            now = self._leases.records.now()
            decision = self._leases.decide("play", self.held, record=record)
            require(decision)
            licence_id = self.held.claims.licence_id
            before = record.licences.get(licence_id)
            taken.append((decision, now, before))
            if before is not None:
                first = now if decision.begins_window else before.first_play
                plays = before.plays + decision.counts_play
                begun = replace(before, first_play=first, plays=plays)
                record = record.with_licence(licence_id, begun)
            return record.seen(now)

        try:
            self._leases.records.update(record_play)
        except drm.errors.LicenceRefusedError as error:
            raise LicenceRefusedError(error.message, code=error.code) from error
        except OSError as error:
            raise LicenceRefusedError(NOT_WRITTEN, code="not_recorded") from error
        self.decision, now, self._before = taken[0]
        self._began = (now, self._timer())

    def _now(self) -> tuple[datetime, float]:
        """The time, and the seconds since the play began: a clock set back meanwhile wins none."""
        if self._began is None:
            raise AssertionError("a play has no time before it began")
        at, started = self._began
        played = self._timer() - started
        return max(self._leases.records.now(), at + timedelta(seconds=played)), played

    def _require_time(self) -> tuple[datetime, float]:
        now, played = self._now()
        if self.stops is not None and now >= self.stops:
            self._go_on(now)
        return now, played

    def _go_on(self, now: datetime) -> None:
        """Go on if there is a newer lease, or stop with the sentence of what is over."""
        # This play was counted when it began, so the count no longer speaks against it.
        rights = replace(self.held.claims.rights, play_count=None)
        decision = self._leases.decide("play", self.held, rights=rights, now=now)
        if not decision.allowed:
            raise LicenceRefusedError(decision.message, code=decision.code)
        self.decision = replace(self.decision, ends=decision.ends, stops=decision.stops)

    def _keep_up(self, now: datetime, played: float) -> None:
        if played - self._looked >= LOOK_EVERY:
            self._looked = played
            with suppress(OSError):  # a full disk stops no play that has begun
                self._leases.records.update(lambda record: record.seen(now))
        if self._client is None or self._client.closed or not self.held.leased:
            return
        # A play within its grace may still be taken back, so the shop is not told of it.
        if played < self.held.claims.rights.play_start_grace:
            return
        first = self._asked is None and self.decision.begins_window
        if first or (played - (self._asked or 0.0) >= ASK_EVERY and self._leases.due(self.held)):
            self._asked = played
            self._renewing = threading.Thread(target=self._renew, name="lease", daemon=True)
            self._renewing.start()

    def _renew(self) -> None:
        # Where it fails, the lease that is held goes on, and the next try comes by itself.
        with suppress(OSError):
            self._leases.refresh(self._client, self.held, now_due=True)

    def _taken_back(self, record: Record) -> Record:
        licence_id = self.held.claims.licence_id
        now, before = record.licences.get(licence_id), self._before
        if now is None or before is None or now.counter != before.counter:
            return record  # told to the shop meanwhile: it stands
        first = before.first_play if self.decision.begins_window else now.first_play
        plays = max(0, now.plays - self.decision.counts_play)
        return record.with_licence(licence_id, replace(now, first_play=first, plays=plays))
