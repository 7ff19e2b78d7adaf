"""Devices that rent: each holds a lease, plays under it, and asks for the next one."""

from __future__ import annotations

import datetime as dt
import secrets
from dataclasses import dataclass, field

from drm.decision import Clock, Decision, Usage, decide
from drm.lease import Lease, verify_lease
from drm.licence import peek_licence
from drm.status import Status, verify_status
from marketplace.accounts.models import Device, User
from marketplace.catalog.types import SaleTerms
from marketplace.licensing import services
from marketplace.licensing.models import Entitlement, Licence
from marketplace.packaging import services as packaging
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, log_in_device, make_person, sell

__all__ = ["NONCE", "RENTAL", "START", "TWO_PLAYS", "Renter", "rent"]

START = dt.datetime(2026, 11, 25, 9, 30, 30, tzinfo=dt.UTC)
NONCE = "0123456789abcdef"
RENTAL = SaleTerms(rental_hours=48, start_days=30)
TWO_PLAYS = SaleTerms(rental_hours=48, start_days=30, plays=2)


def rent(terms: SaleTerms = RENTAL, *, now: dt.datetime = START) -> tuple[User, Entitlement]:
    """Somebody who rented something at `now`."""
    ada = make_person(f"ada-{secrets.token_hex(4)}")
    return ada, buy(ada, sell(terms=terms), now=now)


@dataclass
class Renter:
    """One device. `plays` are those begun under the lease it holds."""

    user: User
    entitlement: Entitlement
    name: str = "desk"
    now: dt.datetime = START
    lease: Lease | None = None
    first_play: dt.datetime | None = None
    plays: int = 0
    total: int = 0
    keys: FakeSeeder | None = None
    seeder: FakeSeeder = field(init=False)
    device: Device = field(init=False)
    licence: Licence = field(init=False)

    def __post_init__(self) -> None:
        self.seeder = self.keys or log_in_device(self.user, self.name)
        self.device = Device.objects.get(thumbprint=self.seeder.identity.public.thumbprint)
        self.licence = services.licence_for(
            user=self.user,
            device=self.device,
            package_id=self.entitlement.package_id,
            now=self.now,
        )

    def ask(self, *, counter: int | None = None) -> Lease:
        """What the shop answers, read but not yet taken over: the answer may be lost."""
        held = self.lease.counter if self.lease else 0
        request = services.LeaseRequest(
            nonce=NONCE,
            counter=held if counter is None else counter,
            first_play=self.first_play,
            plays=self.plays,
        )
        jws = services.lease_for(
            user=self.user,
            device=self.device,
            licence_id=self.licence.pk,
            request=request,
            now=self.now,
        )
        return verify_lease(
            jws,
            issuer_public=packaging.issuer().key.public,
            licence=self.licence.jws,
            device=self.device.thumbprint,
            nonce=NONCE,
        )

    def renew(self) -> Lease:
        self.lease = self.ask()
        self.plays = 0
        return self.lease

    def decide(self) -> Decision:
        claims = peek_licence(self.licence.jws, issuer_public=packaging.issuer().key.public)
        return decide(
            "play",
            rights=claims.rights,
            not_before=claims.not_before,
            expires=claims.expires,
            lease=self.lease,
            status=None,
            usage=Usage(first_play=self.first_play, plays=self.plays),
            clock=Clock(now=self.now),
        )

    def play(self) -> str:
        """Begin a play, where it is allowed; else the code of the refusal."""
        decision = self.decide()
        if decision.allowed:
            self.first_play = self.first_play or self.now
            self.plays += 1
            self.total += 1
        return decision.code

    def status(self) -> Status:
        jws = services.signed_status(
            device=self.device, licence_id=self.licence.pk, nonce=NONCE, now=self.now
        )
        return verify_status(
            jws,
            issuer_public=packaging.issuer().key.public,
            licence_id=str(self.licence.pk),
            nonce=NONCE,
            now=self.now,
        )
