"""Renewals on threads of their own: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

import pytest

from drm.lease import Lease as ReadLease
from marketplace.licensing.models import AuditEntry, Lease
from tests.marketplace.licensing.renting import TWO_PLAYS, Renter, rent
from tests.marketplace.licensing.test_races import RIVALS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_rivals_with_one_lease_get_one_each_and_one_play_among_them() -> None:
    desk = Renter(*rent(TWO_PLAYS))

    leases = at_once(lambda _number: desk.ask())

    assert sorted(lease.counter for lease in leases) == [*range(1, RIVALS + 1)]
    assert AuditEntry.objects.filter(body__contains='"lease"').count() == RIVALS
    assert sum(row.set_aside for row in Lease.objects.all()) == 1


def test_rivals_on_several_devices_share_the_plays() -> None:
    ada, entitlement = rent(TWO_PLAYS)
    renters = [Renter(ada, entitlement, name=f"device {n}") for n in range(RIVALS - 2)]

    def ask(number: int) -> ReadLease | None:
        return renters[number].ask() if number < len(renters) else None

    leases = [lease for lease in at_once(ask) if lease is not None]

    assert sum(2 - lease.plays for lease in leases) == 2
    assert sum(row.set_aside for row in Lease.objects.all()) == 2
