"""Closed swarms at the shop: who gets a certificate, whom it meets, and who is put out."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography import x509
from django.utils import timezone
from pytest_django import Settings

from drm.swarm_authority import MemberKey
from marketplace.accounts import services as accounts
from marketplace.accounts.models import Device, User
from marketplace.catalog.models import Listing
from marketplace.distribution import services
from marketplace.distribution.authority import authority_of, certificate_for_origin
from marketplace.distribution.closed import put_out_members
from marketplace.distribution.errors import (
    CertificateRequestError,
    LabelError,
    OpenSwarmError,
    TooManyLabelsError,
    TorrentNotFoundError,
)
from marketplace.distribution.labels import LABEL_LIFETIME, PER_DAY, forget_old_labels
from marketplace.distribution.models import OriginState, SwarmLabel, SwarmMember, Torrent
from marketplace.distribution.origin_shop import OriginShop
from marketplace.distribution.peering import Answer, Attendance, Met, SwarmView, take_seat
from marketplace.licensing import services as licensing
from marketplace.licensing.errors import EntitlementNotFoundError, EntitlementRevokedError
from marketplace.messaging import services as messaging
from marketplace.messaging.models import Event
from marketplace.packaging.rotation import finish_rotation, rotate_master_key
from seeder.torrents import read_metainfo
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db


@dataclass
class Member:
    user: User
    device: Device
    label: str
    order: uuid.UUID
    address: str

    def certificate(self, package: str) -> str:
        return services.certificate_for(
            user=self.user,
            device=self.device,
            package_id=package,
            request=MemberKey().request(),
            now=timezone.now(),
        ).pem

    def announce(
        self, package: str, *, left: int = 0, event: str = "", info_hash: str = ""
    ) -> Answer:
        return services.announce_device(
            user=self.user,
            device=self.device,
            label=self.label,
            port=6882,
            address=self.address,
            items=[Attendance(package, left, event, info_hash)],
            now=timezone.now(),
        )

    def see(self, package: str, *, left: int = 0, event: str = "") -> SwarmView:
        return self.announce(package, left=left, event=event).swarms[0]


@pytest.fixture
def package() -> str:
    found = sell(files={"a.flac": b"fLaC" * 50_000, "b.flac": b"fLaC"}).package_id
    assert found is not None
    services.create_torrent(package_id=found)
    return found


def join(name: str, package: str, *, address: str = "192.0.2.1") -> Member:
    user, order = make_person(name), uuid.uuid4()
    buy(user, Listing.objects.get(package_id=package), order_id=order)  # fmt: skip
    device = FakeSeeder().log_in(user)
    label = services.issue_label(device=device, now=timezone.now()).label
    return Member(user, device, label, order, address)


def test_a_new_package_has_a_closed_swarm_under_an_authority_of_its_own(package: str) -> None:
    torrent, ada = Torrent.objects.get(), join("ada", package)

    sent = services.torrent_for_device(user=ada.user, device=ada.device, package_id=package)

    info = read_metainfo(sent)
    assert torrent.closed
    assert (info.closed, info.announce, info.info_hash) == (True, None, torrent.info_hash)
    other = sell(title="낮의 노래").package_id
    assert other is not None
    services.create_torrent(package_id=other)
    assert Torrent.objects.get(package_id=other).metainfo != torrent.metainfo
    now = timezone.now()
    assert authority_of(other, now=now).certificate != info.authority
    assert authority_of(package, now=now).certificate == info.authority


def test_opening_and_closing_change_the_info_hash_alone(package: str) -> None:
    ada, before, now = join("ada", package), Torrent.objects.get(), timezone.now()
    licence = licensing.licence_for(user=ada.user, device=ada.device, package_id=package, now=now)
    ada.certificate(package)
    Event.objects.all().delete()

    opened = services.set_closed(package_id=package, closed=False, now=now)

    sent = services.torrent_for_device(user=ada.user, device=ada.device, package_id=package)
    info = read_metainfo(sent)
    assert (info.closed, info.announce is not None) == (False, True)
    assert info.info_hash == opened.info_hash != before.info_hash
    assert (info.name, info.files) == (package, read_metainfo(bytes(before.metainfo)).files)
    assert [event.kind for event in Event.objects.all()] == ["library.changed"]
    again = licensing.licence_for(user=ada.user, device=ada.device, package_id=package, now=now)
    assert again.jws == licence.jws
    with pytest.raises(OpenSwarmError):
        ada.certificate(package)
    assert ada.announce(package).refused[0].code == "torrent_changed"
    # And back: the same torrent as before, and the announce address has ended.
    closed = services.set_closed(package_id=package, closed=True, now=now)
    assert closed.info_hash == before.info_hash
    assert not closed.tokens.filter(revoked_at__isnull=True).exists()
    with pytest.raises(TorrentNotFoundError):
        services.set_closed(package_id="0" * 64, closed=True, now=now)


def test_an_operator_can_have_new_swarms_open(settings: Settings) -> None:
    settings.CLOSED_SWARMS = False
    package = sell().package_id
    assert package is not None

    assert not read_metainfo(bytes(services.create_torrent(package_id=package).metainfo)).closed


def test_a_certificate_is_for_who_may_open_the_package_on_an_active_device(package: str) -> None:
    ada = join("ada", package)
    stranger = Member(make_person("eve"), ada.device, ada.label, ada.order, ada.address)

    read = x509.load_pem_x509_certificate(ada.certificate(package).encode())

    names = read.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == [package, "00000"]
    hour = read.not_valid_after_utc - timezone.now()
    assert dt.timedelta(minutes=58) < hour <= dt.timedelta(hours=1)
    with pytest.raises(EntitlementNotFoundError):
        stranger.certificate(package)
    with pytest.raises(CertificateRequestError):
        services.certificate_for(
            user=ada.user, device=ada.device, package_id=package, request="x", now=timezone.now()
        )
    licensing.revoke(order_id=ada.order, cause="refund:1", now=timezone.now())
    with pytest.raises(EntitlementRevokedError):
        ada.certificate(package)


def test_the_newcomer_is_told_whom_to_dial_and_a_seed_is_given_no_seeds(package: str) -> None:
    ada, eve, cho = (join(n, package, address=f"192.0.2.{i}") for i, n in enumerate(["ada", "eve", "cho"], 1))  # fmt: skip

    assert ada.see(package).peers == ()
    seen = eve.see(package, left=10, event="started")
    assert seen.peers == (Met("192.0.2.1", 6882, ada.label),)
    assert (seen.seeds, seen.leechers) == (1, 1)
    assert cho.see(package, left=0).peers == (Met("192.0.2.2", 6882, eve.label),)
    assert {peer.label for peer in ada.see(package).peers} == {eve.label}
    eve.announce(package, left=10, event="stopped")
    assert ada.see(package).peers == ()
    # Where it is reached is what the shop saw, also for receipts later.
    assert SwarmLabel.objects.get(label=eve.label).address == "192.0.2.2"


def test_who_is_no_member_learns_nothing(package: str) -> None:
    ada, eve = join("ada", package), join("eve", package)
    ada.announce(package)
    licensing.revoke(order_id=eve.order, cause="refund:1", now=timezone.now())

    answer = eve.announce(package, left=10)

    assert answer.swarms == []
    assert [r.code for r in answer.refused] == ["entitlement_not_found"]
    assert eve.announce("0" * 64).refused[0].code == "entitlement_not_found"
    assert ada.announce(package, info_hash="0" * 64).refused[0].code == "torrent_changed"
    borrowed = Member(eve.user, eve.device, ada.label, eve.order, eve.address)
    with pytest.raises(LabelError):
        borrowed.announce(package)


def test_the_origin_is_met_while_it_says_that_it_is_there(package: str, settings: Settings) -> None:
    settings.ORIGIN_LISTEN, settings.ORIGIN_ADDRESS = "0.0.0.0:6881", "198.51.100.7"
    ada, now = join("ada", package), timezone.now()
    seat = services.issue_label(device=None, now=now).label
    state = OriginState.objects.create(package_id=package, state="seeding", updated_at=now)
    origin = Met("198.51.100.7", 6883, seat)
    assert ada.see(package, left=9).peers == ()
    lonely = ada.announce(package, left=9).interval

    take_seat(label=seat, port=6883, now=now)

    assert ada.see(package, left=9).peers == (origin,)
    assert ada.see(package, left=9).seeds == 1
    assert ada.announce(package, left=9).interval > lonely
    assert ada.see(package, left=0).peers == ()
    # Where its own files are lost, the seeds give them back.
    state.state = "downloading"
    state.save()
    assert ada.see(package, left=9).peers == ()
    assert ada.see(package, left=0).peers == (origin,)
    take_seat(label=seat, port=6883, now=now - dt.timedelta(minutes=3))
    assert ada.see(package, left=0).peers == ()


def test_who_was_let_in_and_has_no_right_any_more_is_named_to_the_others(package: str) -> None:
    ada, eve, cho = (join(name, package) for name in ("ada", "eve", "cho"))
    for member in (ada, eve, cho):
        member.certificate(package)
    now = timezone.now()
    assert put_out_members(now=now) == 0
    licensing.revoke(order_id=eve.order, cause="refund:1", now=now)
    accounts.remove_device(user=cho.user, device_id=cho.device.pk, now=now)
    Event.objects.all().delete()

    assert put_out_members(now=now) == 2
    assert put_out_members(now=now) == 0

    assert set(ada.see(package).gone) == {eve.label, cho.label}
    assert {e.kind for e in Event.objects.all()} == {"swarm.changed"}
    # Bought again, it is let in again.
    buy(eve.user, Listing.objects.get(package_id=package))
    eve.certificate(package)
    assert set(ada.see(package).gone) == {cho.label}
    SwarmMember.objects.update(put_out_at=now - dt.timedelta(hours=3))
    assert ada.see(package).gone == ()


def test_labels_end_and_are_forgotten_and_bounded(package: str) -> None:
    ada, now = join("ada", package), timezone.now()
    later = now + LABEL_LIFETIME + dt.timedelta(seconds=1)

    with pytest.raises(LabelError):
        services.announce_device(
            user=ada.user, device=ada.device, label=ada.label, port=1, address="192.0.2.1",
            items=[], now=later,
        )  # fmt: skip
    assert forget_old_labels(now=later) == 0
    assert forget_old_labels(now=later + dt.timedelta(days=31)) == 1
    for _n in range(PER_DAY):
        services.issue_label(device=ada.device, now=now)
    with pytest.raises(TooManyLabelsError):
        services.issue_label(device=ada.device, now=now)


def test_the_authoritys_key_is_in_custody_and_outlives_a_new_master_key(package: str) -> None:
    ada = join("ada", package)
    rotate_master_key(say=lambda _text: None)
    finish_rotation(say=lambda _text: None)

    assert ada.certificate(package)
    assert certificate_for_origin(
        package_id=package, request=MemberKey().request(), now=timezone.now()
    ).pem


def test_who_lets_the_certificate_run_out_first_is_put_out_all_the_same(package: str) -> None:
    ada, eve = join("ada", package), join("eve", package)
    for member in (ada, eve):
        member.certificate(package)
    later = timezone.now() + dt.timedelta(minutes=61)
    licensing.revoke(order_id=eve.order, cause="refund:1", now=timezone.now())

    assert put_out_members(now=later) == 1
    assert ada.see(package).gone == (eve.label,)


def test_a_right_that_came_back_ends_the_cutting_at_the_next_announce(package: str) -> None:
    ada, eve = join("ada", package), join("eve", package)
    for member in (ada, eve):
        member.certificate(package)
        member.announce(package)
    licensing.revoke(order_id=eve.order, cause="refund:1", now=timezone.now())
    put_out_members(now=timezone.now())
    told = ada.see(package, left=9)
    assert told.gone == (eve.label,)
    # Whoever is to be cut is not named as somebody to dial.
    assert told.peers == ()
    buy(eve.user, Listing.objects.get(package_id=package))

    eve.announce(package)

    assert ada.see(package).gone == ()
    assert [peer.label for peer in ada.see(package, left=9).peers] == [eve.label]


def test_neighbours_of_who_is_cut_are_known_to_the_origin(package: str) -> None:
    ada, eve, far = (
        join(name, package, address=address)
        for name, address in (("ada", "192.0.2.7"), ("eve", "192.0.2.7"), ("cho", "198.51.100.1"))
    )
    for member in (ada, eve, far):
        member.certificate(package)
        member.announce(package)
    licensing.revoke(order_id=eve.order, cause="refund:1", now=timezone.now())
    put_out_members(now=timezone.now())
    seat = services.issue_label(device=None, now=timezone.now()).label

    def asked() -> dict[str, Any]:
        info_hash = Torrent.objects.get().info_hash
        item = {"package": package, "left": 0, "event": "", "info_hash": info_hash}
        told = {"label": seat, "port": 6883, "items": [item]}
        [answer] = OriginShop().ask("POST", "/swarm/announce", json=told)["items"]
        return dict(answer)

    assert asked()["gone"] == [eve.label]
    assert asked()["peers"] == [{"host": "192.0.2.7", "port": 6882, "label": ada.label}]
    SwarmMember.objects.update(put_out_at=None)
    assert (asked()["gone"], asked()["peers"]) == ([], [])


def test_one_announce_is_answered_once_a_package_and_tells_of_a_newcomer_once(
    package: str,
) -> None:
    ada, eve = join("ada", package), join("eve", package)
    ada.announce(package)
    Event.objects.all().delete()
    item = Attendance(package, 9, "started")

    answer = services.announce_device(
        user=eve.user, device=eve.device, label=eve.label, port=6882, address=eve.address,
        items=[item] * 50, now=timezone.now(),
    )  # fmt: skip
    eve.announce(package, left=9, event="started")

    assert len(answer.swarms) == 1
    assert Event.objects.filter(kind="swarm.changed").count() == 1


def test_many_who_are_put_out_in_one_minute_are_one_hint(package: str) -> None:
    everybody = [join(name, package) for name in ("ada", "bob", "eve", "cho")]
    for member in everybody:
        member.certificate(package)
    now = timezone.now()
    Event.objects.all().delete()

    for second, member in enumerate(everybody[:3]):
        licensing.revoke(order_id=member.order, cause="refund:1", now=now)
        put_out_members(now=now + dt.timedelta(seconds=10 * second))

    hints = Event.objects.filter(kind="swarm.changed").values_list("group", flat=True)
    last = messaging.user_group(everybody[3].user.pk)
    assert [group for group in hints if group == last] == [last]
    assert set(everybody[3].see(package).gone) == {m.label for m in everybody[:3]}
