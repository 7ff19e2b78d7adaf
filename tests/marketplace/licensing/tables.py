"""The tables of docs/entitlements.md, and people who bring an entitlement to a state."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from django.db import transaction

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.licensing import services
from marketplace.licensing.models import Entitlement
from tests.marketplace.licensing.renting import START
from tests.marketplace.trade import make_person

__all__ = ["RENTAL_RIGHTS", "WAYS", "Case", "cells", "read_table", "rows_of"]

DOCUMENT = Path(__file__).resolve().parents[3] / "docs/entitlements.md"
RENTAL_RIGHTS = {
    "play": True,
    "play_window": 48 * 3600,
    "lease": {"duration": 3 * 86_400, "grace": 86_400},
}
FOR_GOOD = {"play": True, "save": False}
DAY = dt.timedelta(days=1)

# What leads to each state: of the holder's own entitlement, by real events.
WAYS = {
    "active": (),
    "given": (),
    "suspended": ("dispute_opened d1",),
    "lent": ("lent",),
    "returned": ("returned",),
    "revoked": ("refunded r1",),
    "charged_back": ("dispute_lost d1",),
}


def read_table(name: str) -> list[list[str]]:
    """The rows of the table under `<!-- name -->`, its heading first."""
    text = DOCUMENT.read_text()
    found = re.search(rf"<!-- {re.escape(name)} -->\n\n((?:\|.*\n)+)", text)
    assert found is not None, name
    rows = [
        [cell.strip().strip("`") for cell in line.strip("|\n").split("|")]
        for line in found[1].splitlines()
    ]
    return [rows[0], *rows[2:]]


def rows_of(name: str) -> list[tuple[str, ...]]:
    """The rows below the heading."""
    return [tuple(row) for row in read_table(name)[1:]]


def cells(kind: str) -> list[tuple[str, str, str]]:
    """(state, event, what follows) of each cell of a kind's table."""
    heading, *rows = read_table(f"table: {kind}")
    return [
        (state, row[0], cell)
        for row in rows
        for state, cell in zip(heading[1:], row[1:], strict=True)
    ]


@dataclass
class Case:
    """An order for `listing`, and the entitlement of `kind` that came of it for `holder`."""

    kind: str
    listing: Listing
    buyer: User = field(default_factory=lambda: make_person(f"buyer-{uuid.uuid4().hex[:8]}"))
    other: User = field(default_factory=lambda: make_person(f"other-{uuid.uuid4().hex[:8]}"))
    order: uuid.UUID = field(default_factory=uuid.uuid4)
    now: dt.datetime = START
    claimed: bool = False  # of a gift: that it is a present which was claimed
    loan: Entitlement | None = None  # that came of the holder's own
    count: int = 0

    def __post_init__(self) -> None:
        self.root = self._ordered("present" if self.claimed else self.kind)
        self.pk = self.root.pk
        if self.kind == "gift" and self.claimed:
            self.pk = self._claim("first").pk
        elif self.kind == "gift":
            self.pk = self._pass_on(self.root.pk, self.other).pk
        elif self.kind == "loan":
            self.loan = self._lend(self.root.pk, self.other)
            self.pk = self.loan.pk

    @property
    def entitlement(self) -> Entitlement:
        """As it lies in the database now."""
        return Entitlement.objects.get(pk=self.pk)

    def log(self) -> list[str]:
        return [event.kind for event in self.entitlement.events.order_by("id")]

    def fire(self, told: str) -> None:
        """Let the services hear of `told`: an event, and the name of the fact behind it."""
        event, _space, fact = told.partition(" ")
        self.now += dt.timedelta(minutes=1)
        self.count += 1
        calls: dict[str, Callable[[], object]] = {
            "granted": lambda: self._ordered(
                self.kind if self.kind in ("rental", "subscription") else "purchase"
            ),
            "gifted": lambda: self._ordered("present"),
            "claimed": lambda: self._claim(fact or f"claim {self.count}"),
            "extended": self._extend,
            "lent": lambda: self._remember(self._lend(self.pk, self.other)),
            "returned": self._give_back,
            "transferred": lambda: self._pass_on(self.pk, self.other),
        }
        call = calls.get(event)
        with transaction.atomic():
            if call is not None:
                call()
            else:
                self._money(event, fact)

    def _money(self, event: str, fact: str) -> None:
        service = {
            "refunded": services.revoke,
            "withdrawn": services.withdraw,
            "payment_failed": services.fail_late,
            "restored": services.restore,
            "dispute_opened": services.suspend,
            "dispute_won": services.resume,
            "dispute_lost": services.charge_back,
        }
        if event == "refunded_part":
            services.note(order_id=self.order, kind="refunded_part", cause=fact, now=self.now)
        else:
            service[event](order_id=self.order, cause=fact, now=self.now)

    def _ordered(self, kind: str) -> Entitlement:
        package_id = self.listing.package_id
        assert package_id is not None
        about = {
            "user": self.buyer, "listing_id": self.listing.pk, "package_id": package_id,
            "order_id": self.order, "now": self.now,
        }  # fmt: skip
        if kind == "present":
            return services.give(**about, rights=FOR_GOOD)  # type: ignore[arg-type]
        if kind == "rental":
            about |= {"start_by": self.now + 30 * DAY, "rights": RENTAL_RIGHTS}
        elif kind == "subscription":
            about |= {"expires_at": self.now + 30 * DAY, "rights": RENTAL_RIGHTS}
            about["rights"] = {"play": True, "lease": RENTAL_RIGHTS["lease"]}
        else:
            kind, about = "purchase", about | {"rights": FOR_GOOD}
        return services.grant(**about, kind=kind)  # type: ignore[arg-type]

    def _claim(self, source: str) -> Entitlement:
        present = self.root.pk if self.kind == "present" or not self.count else self.pk
        return services.claim(
            entitlement_id=present, user=self.other, source=f"{self.order}:{source}", now=self.now
        )

    def _lend(self, pk: uuid.UUID, to: User) -> Entitlement:
        source = f"{self.order}:lend:{self.count}"
        until = self.now + 30 * DAY
        return services.lend(services.lock(pk), to=to, until=until, source=source, now=self.now)

    def _remember(self, loan: Entitlement) -> None:
        self.loan = loan

    def _pass_on(self, pk: uuid.UUID, to: User) -> Entitlement:
        source = f"{self.order}:pass:{self.count}"
        held = services.lock(pk)
        return services.pass_on(held, to=to, kind="transfer", source=source, now=self.now)

    def _extend(self) -> None:
        until = self.now + dt.timedelta(days=60 + self.count)
        source = f"{self.order}:extend:{self.count}"
        services.extend(entitlement_id=self.pk, expires_at=until, source=source, now=self.now)

    def _give_back(self) -> None:
        assert self.loan is not None
        giver = services.lock(self.root.pk if self.kind == "loan" else self.pk)
        loan = services.lock(self.loan.pk)
        source = f"{self.order}:back:{self.count}"
        services.give_back(giver=giver, loan=loan, source=source, now=self.now)
