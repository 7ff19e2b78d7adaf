"""The origin counts what it sends; nobody has it counted as another's."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.db import OperationalError
from django.utils import timezone

from marketplace.distribution import origin_claims
from marketplace.distribution.labels import issue_label
from marketplace.distribution.models import Claim
from marketplace.distribution.origin_claims import OriginClaims
from seeder.alerts import PeerSnapshot, TorrentState
from seeder.session import TorrentSnapshot
from tests.marketplace.distribution.receipting import Crowd

pytestmark = pytest.mark.django_db

HASH = "cd" * 32


class Line:
    """A session as it is seen from outside: one torrent, and whoever is connected."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.connected: list[PeerSnapshot] = []

    def shows(self, label: str, sent: int, *, host: str) -> None:
        self.connected.append(PeerSnapshot(HASH, host, 40_000, label, 0, sent, False, False))

    def peers(self) -> tuple[PeerSnapshot, ...]:
        return tuple(self.connected)

    def snapshot(self) -> tuple[TorrentSnapshot, ...]:
        return (
            TorrentSnapshot(
                name=self.package,
                info_hash=HASH,
                state=TorrentState.SEEDING,
                done=1,
                total=1,
                down_rate=0,
                up_rate=0,
                downloaded=0,
                uploaded=0,
                failed=0,
                peers=1,
                seeds=0,
                error="",
                tracker_error="",
            ),
        )


@pytest.fixture
def crowd() -> Crowd:
    return Crowd()


@pytest.fixture
def line(crowd: Crowd) -> Line:
    return Line(crowd.package)


@pytest.fixture
def claims(line: Line) -> OriginClaims:
    return OriginClaims(line)


def test_what_the_origin_sent_is_on_record_and_counts(
    crowd: Crowd, line: Line, claims: OriginClaims
) -> None:
    ada = crowd.joins("ada", address="198.51.100.7")
    for sent in (1000, 5000):
        line.connected.clear()
        line.shows(ada.label, sent, host="198.51.100.9")
        claims.look()
        claims.write(now=timezone.now(), at_once=True)

    assert Claim.objects.get().bytes == 5000
    assert crowd.deliveries(ada) == {None: 5000}


def test_a_restart_of_the_origin_adds_to_what_is_on_record(crowd: Crowd, line: Line) -> None:
    ada = crowd.joins("ada", address="198.51.100.7")
    line.shows(ada.label, 1000, host="198.51.100.7")
    for _run in range(2):
        claims = OriginClaims(line)
        claims.look()
        claims.write(now=timezone.now(), at_once=True)

    assert Claim.objects.get().bytes == 2000


@pytest.mark.parametrize("host", ["203.0.113.9", "198.51.101.7"])
def test_who_fetches_under_anothers_label_takes_nothing_from_their_senders(
    crowd: Crowd, line: Line, claims: OriginClaims, host: str
) -> None:
    """Mallory, from elsewhere, calls himself Ada: else whoever sends to her got nothing."""
    ada, ben = crowd.joins("ada", address="198.51.100.7"), crowd.joins("ben")
    crowd.deliver(ben, ada, crowd.size)

    line.shows(ada.label, crowd.size, host=host)
    claims.look()
    claims.write(now=timezone.now(), at_once=True)

    assert crowd.deliveries(ada) == {ben.user.pk: crowd.size}


OTHER_VERSION = "2001:db8::7"


def test_nobody_is_robbed_under_a_label_over_the_other_version_of_ip(
    crowd: Crowd, line: Line, claims: OriginClaims
) -> None:
    """Ada was seen over IPv4 alone, and Mallory fetches once over IPv6 under her label."""
    ada, hal = crowd.joins("ada", address="198.51.100.7"), crowd.joins("hal")
    crowd.deliver(hal, ada, crowd.size)

    line.shows(ada.label, crowd.size, host=OTHER_VERSION)
    claims.look()
    claims.write(now=timezone.now(), at_once=True)

    assert crowd.deliveries(ada) == {hal.user.pk: crowd.size}


def test_who_fetches_from_where_the_shop_never_saw_them_says_so_in_their_receipts(
    crowd: Crowd, line: Line, claims: OriginClaims
) -> None:
    origin = issue_label(device=None, now=timezone.now()).label
    ada, hal = crowd.joins("ada", address="198.51.100.7"), crowd.joins("hal")
    line.shows(ada.label, 1000, host="198.51.100.7")
    line.shows(ada.label, 9000, host=OTHER_VERSION)
    claims.look()
    claims.write(now=timezone.now(), at_once=True)
    crowd.deliver(hal, ada, 500)

    # What went to where she was seen counts by itself, of the rest what she says.
    assert crowd.deliveries(ada) == {hal.user.pk: 500, None: 1000}
    ada.says(got={origin: 600})
    assert crowd.deliveries(ada) == {hal.user.pk: 500, None: 1000}
    ada.says(got={origin: 7000})
    assert crowd.deliveries(ada) == {hal.user.pk: 500, None: 7000}
    ada.says(got={origin: 90_000})
    assert crowd.deliveries(ada) == {hal.user.pk: 500, None: 10_000}


def test_labels_that_nobody_holds_are_passed_over(
    crowd: Crowd, line: Line, claims: OriginClaims
) -> None:
    line.shows("x" * 20, 1000, host="198.51.100.7")
    claims.look()
    claims.write(now=timezone.now(), at_once=True)

    assert not Claim.objects.exists()


def test_it_is_written_every_ten_seconds(crowd: Crowd, line: Line, claims: OriginClaims) -> None:
    ada, now = crowd.joins("ada", address="198.51.100.7"), timezone.now()
    claims.write(now=now)
    line.shows(ada.label, 1000, host="198.51.100.7")
    claims.look()

    claims.write(now=now + dt.timedelta(seconds=9))
    assert not Claim.objects.exists()
    claims.write(now=now + dt.timedelta(seconds=10))
    assert Claim.objects.get().bytes == 1000


def test_while_the_database_is_away_nothing_is_forgotten(
    crowd: Crowd, line: Line, claims: OriginClaims, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = crowd.joins("ada", address="198.51.100.7")
    line.shows(ada.label, 1000, host="198.51.100.7")
    claims.look()
    with monkeypatch.context() as away:

        def gone(_of: object) -> set[object]:
            raise OperationalError("gone")

        away.setattr(origin_claims, "seen_under", gone)
        with pytest.raises(OperationalError):
            claims.write(now=timezone.now(), at_once=True)

    claims.write(now=timezone.now(), at_once=True)

    assert Claim.objects.get().bytes == 1000


def test_a_step_asks_as_often_for_many_as_for_one(
    crowd: Crowd, line: Line, claims: OriginClaims, django_assert_max_num_queries: Any
) -> None:
    """The origin has one loop: what a connection costs there, all wait for."""
    peers = [crowd.joins(f"buyer {n}") for n in range(8)]
    others = [f"2001:db8::{n}" for n in range(8)]
    for round_ in (1, 2):
        line.connected.clear()
        for peer, other in zip(peers, others, strict=True):
            line.shows(peer.label, 1000 * round_, host=peer.address)
            line.shows(peer.label, 10 * round_, host=other)
        claims.look()
        with django_assert_max_num_queries(8):
            claims.write(now=timezone.now(), at_once=True)

    assert {(c.bytes, c.elsewhere) for c in Claim.objects.all()} == {(2020, 20)}
    assert Claim.objects.count() == len(peers)
