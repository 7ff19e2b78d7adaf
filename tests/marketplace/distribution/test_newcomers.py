"""Whoever has a package hears of a newcomer at once, so that both dial."""

from __future__ import annotations

import pytest

from marketplace.distribution.newcomers import MOST_TOLD
from marketplace.messaging.models import Event
from marketplace.messaging.services import user_group
from tests.marketplace.distribution.test_closed import Member, join, package

__all__ = ["package"]

pytestmark = pytest.mark.django_db


def told(member: Member) -> list[dict[str, str]]:
    events = Event.objects.filter(group=user_group(member.user.pk), kind="swarm.changed")
    return [event.payload for event in events]


def test_a_seed_hears_of_a_newcomer_and_is_told_where_it_is(package: str) -> None:
    ada, ben = join("ada", package), join("ben", package, address="198.51.100.7")
    ada.announce(package, event="started")
    assert told(ada) == []  # nobody was there, and a seed needs nobody

    ben.announce(package, left=5, event="started")

    assert told(ada) == [{"package": package}]
    assert told(ben) == []
    assert [peer.label for peer in ada.see(package).peers] == [ben.label]


def test_only_a_start_of_a_download_is_told(package: str) -> None:
    ada, ben = join("ada", package), join("ben", package, address="198.51.100.7")
    ada.announce(package, event="started")

    ben.announce(package, left=5)
    ben.announce(package, left=0, event="completed")
    ben.announce(package, left=0, event="started")
    ben.announce(package, left=0, event="stopped")

    assert told(ada) == []


def test_of_many_a_few_are_told(package: str) -> None:
    members = [join(f"m{n}", package, address=f"192.0.2.{n + 1}") for n in range(MOST_TOLD + 4)]
    for member in members[:-1]:
        member.announce(package, event="started")

    members[-1].announce(package, left=5, event="started")

    assert sum(len(told(member)) for member in members) == MOST_TOLD
