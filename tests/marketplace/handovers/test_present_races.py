"""Rivals for one present: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.handovers import services
from marketplace.handovers.models import Present
from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import owns
from tests.marketplace.handovers.handing import Person, person
from tests.marketplace.handovers.presenting import give, newest_link
from tests.marketplace.licensing.test_races import RIVALS, at_once

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def _token() -> str:
    return newest_link().rstrip("/").rsplit("/", 1)[1]


def _try(act: Any, **arguments: Any) -> str:
    """What came of it: a state, or the code of a refusal."""
    try:
        return str(act(now=timezone.now(), **arguments).state)
    except MarketplaceError as error:
        return error.code


def _owners(present: Present) -> list[str]:
    children = Entitlement.objects.filter(parent_id=present.entitlement_id)
    return [child.user.email for child in children]


def test_of_eight_who_have_the_link_one_takes_it() -> None:
    present, token = give(person("ada")), _token()
    rivals = [person(f"rival{number}") for number in range(RIVALS)]

    told = at_once(
        lambda number: _try(services.claim_present, user=rivals[number].user, token=token)
    )

    assert sorted(told) == ["claimed"] + ["present_closed"] * (RIVALS - 1)
    present.refresh_from_db()
    assert present.claimed_by is not None
    assert _owners(present) == [present.claimed_by.email]
    listing_id = present.entitlement.listing_id
    assert sum(owns(rival.user, listing_id) for rival in rivals) == 1


def test_one_who_presses_eight_times_has_it_once() -> None:
    eve: Person = person("eve")
    present, token = give(person("ada")), _token()

    told = at_once(lambda _: _try(services.claim_present, user=eve.user, token=token))

    assert told == ["claimed"] * RIVALS
    assert _owners(present) == [eve.user.email]


def test_kept_or_taken_and_never_both() -> None:
    ada, eve = person("ada"), person("eve")
    present, token = give(ada), _token()

    told = at_once(
        lambda number: (
            _try(services.claim_present, user=eve.user, token=token)
            if number % 2
            else _try(services.keep_present, giver=ada.user, present_id=present.pk)
        )
    )

    present.refresh_from_db()
    winner = {"claimed": eve, "kept": ada}[present.state]
    assert told.count(present.state) == RIVALS // 2
    assert told.count("present_closed") == RIVALS // 2
    assert _owners(present) == [winner.user.email]


def test_sent_elsewhere_or_taken_and_never_both() -> None:
    ada, eve = person("ada"), person("eve")
    present, token = give(ada), _token()

    told = at_once(
        lambda number: (
            _try(services.claim_present, user=eve.user, token=token)
            if number % 2
            else _try(
                services.change_address,
                giver=ada.user,
                present_id=present.pk,
                address="bob@example.org",
            )
        )
    )

    present.refresh_from_db()
    if present.state == "claimed":
        assert _owners(present) == [eve.user.email]
    else:
        assert present.address == "bob@example.org"
        assert _owners(present) == []
        assert told.count("present_closed") == RIVALS // 2
