"""Rivals on threads of their own: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.handovers import services
from marketplace.handovers.models import Handover
from marketplace.licensing import services as licensing
from marketplace.licensing.models import Entitlement, EntitlementEvent
from tests.marketplace.handovers.handing import (
    Person,
    asked,
    begin,
    fetch,
    offer,
    own,
    person,
    word,
)
from tests.marketplace.licensing.test_races import RIVALS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def _try(act: Callable[..., Handover], **arguments: Any) -> str:
    """What came of it: a state, or the code of a refusal."""
    try:
        return act(now=timezone.now(), **arguments).state
    except MarketplaceError as error:
        return error.code


def _offered(ada: Person, eve: Person, kind: str = "transfer") -> Handover:
    offer(ada, own(ada), kind, eve.user.email)
    return Handover.objects.get()


def test_rivals_offer_one_thing_once() -> None:
    ada = person("ada")
    what = own(ada)

    told = at_once(
        lambda number: _try(
            services.offer_handover,
            giver=ada.user,
            entitlement_id=what.pk,
            kind="transfer" if number % 2 else "gift",
            address=f"friend{number}@example.org",
            days=None,
            language="en",
        )
    )

    assert sorted(told) == ["handover_not_possible"] * (RIVALS - 1) + ["offered"]
    assert Handover.objects.count() == 1


def test_rivals_accept_once() -> None:
    ada, eve = person("ada"), person("eve")
    made = _offered(ada, eve)

    told = at_once(
        lambda _number: _try(services.accept_handover, user=eve.user, handover_id=made.pk)
    )

    assert set(told) == {"done"}
    assert Entitlement.objects.filter(user=eve.user).count() == 1
    assert EntitlementEvent.objects.filter(kind="transferred").count() == 1


def test_either_it_is_cancelled_or_it_is_accepted() -> None:
    ada, eve = person("ada"), person("eve")
    made = _offered(ada, eve)

    at_once(
        lambda number: (
            _try(services.accept_handover, user=eve.user, handover_id=made.pk)
            if number % 2
            else _try(services.cancel_handover, user=ada.user, handover_id=made.pk)
        )
    )

    made.refresh_from_db()
    states = (ada.state(made.entitlement.package_id), Entitlement.objects.count())
    assert (made.state, states) in (("done", ("transferred", 2)), ("cancelled", ("active", 1)))
    assert not Entitlement.objects.get(pk=made.entitlement_id).on_hold


def test_no_licence_slips_out_while_it_is_accepted() -> None:
    ada, eve = person("ada"), person("eve")
    made = _offered(ada, eve)
    package = made.entitlement.package_id
    for number in range(5):
        ada.device(f"device {number}")

    def rival(number: int) -> str:
        if number == 0:
            return _try(services.accept_handover, user=eve.user, handover_id=made.pk)
        return str(fetch(ada.devices[number % 5], package).status_code)

    at_once(rival)

    made.refresh_from_db()
    out = len(licensing.licences_out(licensing.own_entitlement(ada.user, made.entitlement_id)))
    waiting = made.surrenders.filter(at=None).count()
    assert (made.state, out) in (("done", 0), ("surrendering", waiting))


def test_the_last_two_words_at_once_complete_it_once() -> None:
    ada, eve = person("ada"), person("eve")
    what = own(ada)
    devices = [ada.device(f"device {number}") for number in range(2)]
    for device in devices:
        fetch(device, what.package_id)
    made = begin(ada, eve, what, "loan")
    words = [word(device, asked(device)[0]) for device in devices]
    rows = {row.thumbprint: row for row in ada.user.devices.all()}
    known = [rows[device.identity.public.thumbprint] for device in devices]

    told = at_once(
        lambda number: _try(
            services.give_licence_back,
            device=known[number % 2],
            handover_id=made.pk,
            word=words[number % 2],
        )
    )

    assert "lent" in told
    assert set(told) <= {"lent", "surrendering"}
    assert Entitlement.objects.filter(user=eve.user, kind="loan").count() == 1
    assert (ada.state(what.package_id), Handover.objects.get().state) == ("lent", "lent")


def test_workers_end_a_loan_once() -> None:
    ada, eve = person("ada"), person("eve")
    made = begin(ada, eve, own(ada), "loan")
    assert made.due_at is not None
    Handover.objects.update(due_at=timezone.now() - (made.due_at - timezone.now()))

    moved = at_once(lambda _number: services.settle_handovers(now=timezone.now()))

    assert sum(moved) == 1
    assert Handover.objects.get().state == "returned"
    assert EntitlementEvent.objects.filter(kind="returned").count() == 2
