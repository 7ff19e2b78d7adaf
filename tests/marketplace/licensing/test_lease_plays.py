"""Plays that are counted: several devices together never get more than were sold."""

from __future__ import annotations

import contextlib
import datetime as dt

import pytest
from django.db.models import Sum
from hypothesis import given, settings
from hypothesis import strategies as st

from marketplace.licensing.errors import EntitlementOverError
from marketplace.licensing.models import Entitlement, Lease
from tests.marketplace.licensing.renting import START, TWO_PLAYS, Renter, rent
from tests.marketplace.trade import buy, log_in_device

pytestmark = pytest.mark.django_db

DAY = dt.timedelta(days=1)


def _used(entitlement: Entitlement) -> int:
    return Entitlement.objects.get(pk=entitlement.pk).plays_used


def _set_aside(entitlement: Entitlement) -> int:
    leases = Lease.objects.filter(licence__entitlement=entitlement, reported=None)
    return leases.aggregate(n=Sum("set_aside"))["n"] or 0


def test_each_lease_allows_one_play_and_the_last_ends_the_rental() -> None:
    desk = Renter(*rent(TWO_PLAYS))

    lease = desk.renew()
    assert (lease.plays, desk.play(), desk.play()) == (1, "", "plays_used_up")
    desk.renew()
    assert (desk.play(), desk.play()) == ("", "plays_used_up")
    with pytest.raises(EntitlementOverError):
        desk.renew()

    assert (desk.total, _used(desk.entitlement)) == (2, 2)
    assert desk.status().reason == "expired"


def test_what_was_not_played_is_free_again() -> None:
    ada, entitlement = rent(TWO_PLAYS)
    desk, phone, third = (Renter(ada, entitlement, name=n) for n in ("desk", "phone", "third"))
    desk.renew()
    phone.renew()
    third.renew()
    assert third.play() == "plays_used_up"

    for _ in range(3):
        desk.renew()

    assert (desk.play(), phone.play(), third.play()) == ("", "", "plays_used_up")
    desk.ask()
    with pytest.raises(EntitlementOverError):
        phone.ask()
    assert _used(entitlement) == 2


@pytest.mark.parametrize(("days", "code"), [(4, ""), (5, "plays_used_up")])
def test_a_lost_answer_costs_a_play_only_once_it_can_be_used_no_more(days: int, code: str) -> None:
    desk = Renter(*rent(TWO_PLAYS))
    desk.renew()
    assert desk.play() == ""
    desk.ask()

    desk.now += days * DAY
    desk.first_play = None  # so that the window does not end it before
    Entitlement.objects.update(first_play_at=None, expires_at=START + 32 * DAY)
    desk.renew()

    assert desk.play() == code


def test_a_copy_that_presents_an_old_lease_for_ever_gets_no_more_plays() -> None:
    desk = Renter(*rent(TWO_PLAYS))
    desk.renew()
    old, played = desk.lease, 0

    for day in range(30):
        desk.now = START + day * DAY
        desk.lease, desk.plays, desk.first_play = old, 0, None
        lease = desk.renew()
        played += lease.plays < 2

    # Five days for the first play, as the copy could have had offline; one for the second.
    assert played == 5 + 1
    assert _used(desk.entitlement) + _set_aside(desk.entitlement) == 2


def test_a_device_may_tell_more_than_it_was_given_and_harms_itself_alone() -> None:
    desk = Renter(*rent(TWO_PLAYS))
    desk.renew()
    desk.plays = 10_000

    with pytest.raises(EntitlementOverError):
        desk.renew()

    assert _used(desk.entitlement) == 10_000


steps = st.lists(
    st.tuples(
        st.sampled_from(["renew", "lose", "play", "wait"]), st.integers(0, 2), st.integers(1, 60)
    ),
    max_size=30,
)


def test_honest_devices_never_play_more_than_was_sold() -> None:
    ada, first = rent(TWO_PLAYS)
    keys = [log_in_device(ada, f"device {number}") for number in range(3)]

    @settings(max_examples=40, deadline=None)
    @given(steps)
    def play(steps: list[tuple[str, int, int]]) -> None:
        entitlement = buy(ada, first.listing, now=START)
        # One at a time, as the shop takes the oldest that is not over.
        Entitlement.objects.exclude(pk=entitlement.pk).update(expires_at=START)
        renters = [Renter(ada, entitlement, keys=key) for key in keys]
        now = START
        for step, number, hours in steps:
            renter = renters[number]
            if step == "wait":
                now += dt.timedelta(hours=hours)
                continue
            renter.now = now
            with contextlib.suppress(EntitlementOverError):
                if step == "play":
                    renter.play()
                else:
                    renter.renew() if step == "renew" else renter.ask()
            assert sum(one.total for one in renters) <= 2
            assert _set_aside(entitlement) <= 2
        assert _used(entitlement) <= 2

    play()
