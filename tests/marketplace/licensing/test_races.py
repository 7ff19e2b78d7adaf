"""Rivals on threads of their own: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import pytest
from django.db import connections, transaction
from django.utils import timezone

from marketplace.distribution import services as distribution
from marketplace.distribution.models import AnnounceToken, Torrent
from marketplace.licensing import services
from marketplace.licensing.errors import PresentClosedError, TransitionError
from marketplace.licensing.models import Entitlement, EntitlementEvent, Licence
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.licensing.tables import Case
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


@pytest.mark.usefixtures("open_swarms")
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


def test_rivals_claim_a_present_once() -> None:
    case, links = Case("present", sell()), [make_person(f"eve{n}") for n in range(RIVALS)]

    def claim(number: int) -> str:
        try:
            services.claim(
                entitlement_id=case.pk,
                user=links[number],
                source=f"claim:{number}",
                now=timezone.now(),
            )
        except PresentClosedError as error:
            return error.code
        return "claimed"

    told = at_once(claim)

    assert sorted(told) == ["claimed", *["present_closed"] * (RIVALS - 1)]
    assert [entitlement.state for entitlement in Entitlement.objects.exclude(pk=case.pk)] == [
        "active"
    ]


def test_a_dispute_reaches_what_is_passed_on_in_the_same_moment() -> None:
    case = Case("purchase", sell())

    def race(number: int) -> None:
        if number % 2:
            services.suspend(order_id=case.order, cause="dispute:1", now=timezone.now())
            return
        try:
            with transaction.atomic():
                held = services.lock(case.pk)
                services.pass_on(
                    held, to=case.other, kind="transfer", source=f"pass:{number}",
                    now=timezone.now(),
                )  # fmt: skip
        except TransitionError:
            pass  # the dispute, or another rival, was first

    at_once(race)

    states = sorted(Entitlement.objects.values_list("state", flat=True))
    assert states in (["suspended"], ["suspended", "transferred"])


def test_a_loan_that_comes_back_in_the_moment_of_a_dispute_is_not_whole() -> None:
    case = Case("purchase", sell())
    case.fire("lent")
    assert case.loan is not None
    loan = case.loan.pk

    def race(number: int) -> None:
        now = timezone.now()
        if number % 2:
            services.suspend(order_id=case.order, cause="dispute:1", now=now)
            return
        with transaction.atomic():
            giver, borrowed = services.lock(case.pk), services.lock(loan)
            services.give_back(giver=giver, loan=borrowed, source=f"back:{number}", now=now)

    at_once(race)

    assert case.entitlement.state == "suspended"
    assert Entitlement.objects.get(pk=loan).state == "returned"
