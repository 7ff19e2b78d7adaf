from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketplace.accounts import services as accounts
from marketplace.accounts.errors import DeviceNotFoundError
from marketplace.accounts.models import Device, User
from marketplace.catalog.models import Listing
from marketplace.distribution import services
from marketplace.distribution.access import ORIGIN, membership_of, memberships_of
from marketplace.distribution.memberships import _thread, look_up_in_database
from marketplace.distribution.models import AnnounceToken, Torrent
from marketplace.distribution.tracker import Tracker
from marketplace.licensing import services as licensing
from marketplace.licensing.errors import EntitlementNotFoundError, EntitlementRevokedError
from marketplace.packaging import services as packaging
from marketplace.packaging.errors import PackageNotFoundError
from seeder.bencode import bdecode
from seeder.torrents import read_metainfo
from tests.marketplace.accounts.seeder import FakeSeeder
from tests.marketplace.distribution.announcing import ask, query
from tests.marketplace.trade import buy, make_person, sell

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("open_swarms")]


def _device(user: User) -> Device:
    return FakeSeeder().log_in(user)


def _package(listing: Listing) -> str:
    assert listing.package_id is not None
    return listing.package_id


def _token(torrent: bytes) -> str:
    announce = read_metainfo(torrent).announce
    assert announce is not None
    assert announce.startswith(f"{settings.TRACKER_URL}/")
    return announce.rpartition("/")[2]


def test_a_torrent_is_made_once_from_what_sealing_computed() -> None:
    package = _package(sell(files={"a.flac": b"fLaC" * 50_000, "b.flac": b"fLaC"}))

    torrent = services.create_torrent(package_id=package)

    assert Torrent.objects.get() == torrent
    info = read_metainfo(bytes(torrent.metainfo))
    manifest = packaging.manifest(package)
    assert (info.name, info.info_hash, info.announce) == (package, torrent.info_hash, None)
    assert [(f.size, f.root) for f in info.files] == [(f.size, f.root) for f in manifest.files]
    assert [f.name for f in info.files] == ["00000", "00001"]


def test_a_package_that_is_not_there_has_no_torrent() -> None:
    with pytest.raises(PackageNotFoundError):
        services.create_torrent(package_id="0" * 64)


def test_each_device_announces_under_its_own_token_and_keeps_it() -> None:
    ada, eve = make_person("ada"), make_person("eve")
    listing = sell()
    package = _package(listing)
    buy(ada, listing)
    buy(eve, listing)
    desk, phone, evil = _device(ada), _device(ada), _device(eve)

    first = services.torrent_for_device(user=ada, device=desk, package_id=package)
    again = services.torrent_for_device(user=ada, device=desk, package_id=package)
    others = [
        services.torrent_for_device(user=ada, device=phone, package_id=package),
        services.torrent_for_device(user=eve, device=evil, package_id=package),
        services.torrent_for_origin(package_id=package),
    ]

    assert again == first
    assert len({_token(torrent) for torrent in [first, *others]}) == 4
    assert len({read_metainfo(torrent).info_hash for torrent in [first, *others]}) == 1


def test_no_torrent_without_a_purchase_or_after_a_refund_or_for_a_removed_device() -> None:
    ada, eve, order = make_person("ada"), make_person("eve"), uuid.uuid4()
    listing = sell()
    package = _package(listing)
    buy(ada, listing, order_id=order)
    desk, evil = _device(ada), _device(eve)

    with pytest.raises(EntitlementNotFoundError):
        services.torrent_for_device(user=eve, device=evil, package_id=package)
    with pytest.raises(DeviceNotFoundError):
        services.torrent_for_device(user=ada, device=evil, package_id=package)
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())
    with pytest.raises(EntitlementRevokedError):
        services.torrent_for_device(user=ada, device=desk, package_id=package)
    buy(ada, listing)
    accounts.remove_device(user=ada, device_id=desk.pk, now=timezone.now())
    with pytest.raises(DeviceNotFoundError):
        services.torrent_for_device(user=ada, device=desk, package_id=package)

    assert AnnounceToken.objects.count() == 0


def test_a_token_lets_in_as_long_as_its_owner_may_open_the_package() -> None:
    ada, order = make_person(), uuid.uuid4()
    listing = sell()
    package = _package(listing)
    buy(ada, listing, order_id=order)
    token = _token(services.torrent_for_device(user=ada, device=_device(ada), package_id=package))
    torrent = Torrent.objects.get()

    entitled = membership_of(token)
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())
    refunded = membership_of(token)
    buy(ada, listing)
    again = membership_of(token)

    assert entitled is not None
    assert entitled.info_hash == bytes.fromhex(torrent.info_hash)[:20]
    assert (entitled.is_origin, refunded, again) == (False, None, entitled)


def test_a_removed_device_is_let_in_no_more() -> None:
    ada = make_person()
    listing = sell()
    buy(ada, listing)
    device = _device(ada)
    torrent = services.torrent_for_device(user=ada, device=device, package_id=_package(listing))

    accounts.remove_device(user=ada, device_id=device.pk, now=timezone.now())

    assert membership_of(_token(torrent)) is None


def test_a_closed_account_is_let_in_no_more() -> None:
    ada = make_person()
    listing = sell()
    buy(ada, listing)
    device = FakeSeeder().log_in(ada)
    torrent = services.torrent_for_device(user=ada, device=device, package_id=_package(listing))

    User.objects.filter(pk=ada.pk).update(is_active=False)

    assert membership_of(_token(torrent)) is None


def test_the_origin_is_let_in_and_an_invented_token_is_not() -> None:
    torrent = services.torrent_for_origin(package_id=_package(sell()))

    origin = membership_of(_token(torrent))

    assert origin is not None
    assert origin.is_origin
    assert membership_of("x" * 43) is None


def test_after_a_leak_the_old_address_ends_and_a_new_one_is_given() -> None:
    ada = make_person()
    listing = sell()
    package = _package(listing)
    buy(ada, listing)
    device = _device(ada)
    old = _token(services.torrent_for_device(user=ada, device=device, package_id=package))

    ended = services.revoke_tokens(user=ada, package_id=package, now=timezone.now())

    new = _token(services.torrent_for_device(user=ada, device=device, package_id=package))
    assert (ended, old != new) == (1, True)
    assert membership_of(old) is None
    assert membership_of(new) is not None


def test_many_tokens_are_asked_for_in_two_statements(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    ada, eve, listing, other = make_person(), make_person("eve"), sell(), sell()
    tokens = []
    for person in (ada, eve):
        buy(person, listing)
        device = _device(person)
        torrent = services.torrent_for_device(
            user=person, device=device, package_id=_package(listing)
        )
        tokens.append(_token(torrent))
    origin = _token(services.torrent_for_origin(package_id=_package(other)))
    buy(eve, other, order_id=(order := uuid.uuid4()))
    device = _device(eve)
    spent = _token(services.torrent_for_device(user=eve, device=device, package_id=_package(other)))
    licensing.revoke(order_id=order, cause="refund:1", now=timezone.now())

    with django_assert_num_queries(2):
        found = memberships_of([*tokens, origin, spent, "x" * 43])

    assert {token: member.member for token, member in found.items()} == {
        tokens[0]: str(ada.pk),
        tokens[1]: str(eve.pk),
        origin: ORIGIN,
    }


def test_a_closed_swarm_has_no_announce_address_and_the_old_ones_end() -> None:
    ada, listing = make_person(), sell()
    package = _package(listing)
    buy(ada, listing)
    device = _device(ada)
    token = _token(services.torrent_for_device(user=ada, device=device, package_id=package))

    services.set_closed(package_id=package, closed=True, now=timezone.now())

    closed = services.torrent_for_device(user=ada, device=device, package_id=package)
    assert read_metainfo(closed).announce is None
    assert membership_of(token) is None


@pytest.mark.django_db(transaction=True)
async def test_the_tracker_itself_asks_the_database() -> None:
    listing = await sync_to_async(sell)()
    torrent = await sync_to_async(services.torrent_for_origin)(package_id=_package(listing))
    info = read_metainfo(torrent)
    text = query(info_hash=bytes.fromhex(info.info_hash)[:20])
    tracker = Tracker()

    _status, body = await ask(tracker, f"/announce/{_token(torrent)}", text)
    _status, refusal = await ask(tracker, f"/announce/{'x' * 43}", text)

    answer: Any = bdecode(body)
    assert answer[b"complete"] == 1
    assert b"failure reason" in refusal


@pytest.mark.django_db(transaction=True)
async def test_a_connection_that_the_database_has_closed_is_opened_again() -> None:
    listing = await sync_to_async(sell)()
    torrent = await sync_to_async(services.torrent_for_origin)(package_id=_package(listing))
    token = _token(torrent)
    before = await look_up_in_database([token])

    # What is left of a connection whose other end is gone: it fails when it is used.
    await asyncio.get_running_loop().run_in_executor(_thread, lambda: connection.connection.close())
    after = await look_up_in_database([token])

    assert (set(before), before) == ({token}, after)
