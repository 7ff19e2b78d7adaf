"""Rivals on threads of their own: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connections
from django.utils import timezone

from marketplace.distribution import services as distribution
from marketplace.distribution.models import AnnounceToken, Torrent
from marketplace.licensing import services
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]

RIVALS = 6
T = TypeVar("T")


def at_once(task: Callable[[int], T]) -> list[T]:
    """Run `task` on RIVALS threads that start together."""
    gate = threading.Barrier(RIVALS)

    def run(number: int) -> T:
        gate.wait(10)
        try:
            return task(number)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(RIVALS) as pool:
        return list(pool.map(run, range(RIVALS)))


def test_rivals_grant_an_order_once() -> None:
    ada, listing, order = make_person(), sell(), uuid.uuid4()

    granted = at_once(lambda _number: buy(ada, listing, order_id=order).pk)

    assert len(set(granted)) == 1
    assert (Entitlement.objects.count(), EntitlementEvent.objects.count()) == (1, 1)


def test_rivals_revoke_an_order_once() -> None:
    order = uuid.uuid4()
    buy(make_person(), sell(), order_id=order)

    ended = at_once(
        lambda number: services.revoke(
            order_id=order, cause=f"refund:{number % 2}", now=timezone.now()
        )
    )

    assert ended.count(True) == 1
    assert Entitlement.objects.get().state == "revoked"
    assert EntitlementEvent.objects.count() == 3


def test_rivals_are_issued_one_licence() -> None:
    ada, seeder = make_person(), FakeSeeder()
    package, device = buy(ada, sell()).package_id, seeder.log_in(ada)

    licences = at_once(
        lambda _number: (
            services.licence_for(
                user=ada, device=device, package_id=package, now=timezone.now()
            ).jws
        )
    )

    assert len(set(licences)) == 1
    assert Licence.objects.get().jws == licences[0]


def test_rivals_are_given_one_announce_address() -> None:
    ada, seeder = make_person(), FakeSeeder()
    package, device = buy(ada, sell()).package_id, seeder.log_in(ada)

    torrents = at_once(
        lambda number: (
            distribution.torrent_for_origin(package_id=package)
            if number % 2
            else distribution.torrent_for_device(user=ada, device=device, package_id=package)
        )
    )

    assert len(set(torrents)) == 2
    assert AnnounceToken.objects.count() == 2


def test_rivals_make_one_torrent() -> None:
    package = sell().package_id
    assert package is not None
    Torrent.objects.all().delete()

    at_once(lambda _number: distribution.create_torrent(package_id=package))

    assert Torrent.objects.count() == 1
