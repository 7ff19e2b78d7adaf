from __future__ import annotations

import datetime as dt
import json

import pytest
from django.db import models

from drm.keys import SealingKey
from drm.lease import lease_key
from drm.licence import open_licence
from marketplace.accounts import services as accounts
from marketplace.accounts.errors import DeviceNotFoundError
from marketplace.accounts.models import Device
from marketplace.licensing import queries, services
from marketplace.licensing.errors import (
    EntitlementOverError,
    EntitlementRevokedError,
    HandingOverError,
    LicenceNotFoundError,
    NotLeasedError,
)
from marketplace.licensing.models import AuditEntry, Entitlement, Lease
from marketplace.packaging import services as packaging
from tests.marketplace.licensing.renting import RENTAL, START, Renter, rent
from tests.marketplace.trade import buy, make_person, sell

pytestmark = pytest.mark.django_db

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def _again(entitlement: Entitlement) -> Entitlement:
    return Entitlement.objects.get(pk=entitlement.pk)


def test_the_key_of_a_rental_comes_with_the_lease_alone() -> None:
    desk = Renter(*rent())
    package = desk.entitlement.package_id

    lease = desk.renew()

    key = packaging.content_key(package)
    assert lease_key(lease, sealing_key=desk.seeder.sealing) == key
    opened = open_licence(
        desk.licence.jws,
        issuer_public=packaging.issuer().key.public,
        identity=desk.seeder.identity.public,
        sealing_key=desk.seeder.sealing,
        package_id=package,
        manifest=packaging.manifest(package),
        now=START,
        action="play",
        lease=lease,
    )
    assert opened.content_key == key
    assert opened.claims.suite is None
    assert opened.claims.expires == START.replace(microsecond=0) + 32 * DAY


def test_a_rental_from_its_purchase_to_its_end() -> None:
    desk = Renter(*rent())
    lease = desk.renew()
    assert (lease.counter, lease.first_play, lease.expires) == (
        1, None, dt.datetime(2026, 11, 28, 10, tzinfo=dt.UTC),
    )  # fmt: skip

    desk.now = START + 29 * DAY
    lease = desk.renew()
    # Nobody has begun it: a lease ends when it must begin, rounded up to the hour.
    assert (lease.counter, lease.expires) == (2, dt.datetime(2026, 12, 25, 10, tzinfo=dt.UTC))
    assert desk.play() == ""
    desk.now += HOUR
    desk.renew()
    begun = (START + 29 * DAY).replace(second=0)
    assert _again(desk.entitlement).first_play_at == begun
    assert _again(desk.entitlement).expires_at == begun + 2 * DAY
    assert desk.status().status == "active"

    desk.now = begun + 2 * DAY - HOUR
    desk.renew()
    assert desk.play() == ""
    desk.now = begun + 2 * DAY
    assert desk.play() == "window_over"
    with pytest.raises(EntitlementOverError, match="used up"):
        desk.renew()
    assert (desk.status().status, desk.status().reason) == ("expired", "expired")


def test_what_nobody_began_in_time_is_over() -> None:
    desk = Renter(*rent())
    before = desk.status()

    desk.now = START + 30 * DAY
    with pytest.raises(EntitlementOverError):
        desk.renew()
    # A play that began in time may still be told, as by another device that was offline.
    told = desk.status()
    assert (told.status, told.sequence) == ("active", before.sequence)

    desk.now = START + 32 * DAY
    after = desk.status()
    assert (after.reason, after.sequence > before.sequence) == ("expired", True)
    assert after.message == "This rental is over. Rent it again to watch it again."


def test_a_start_that_is_told_late_counts_from_when_it_was() -> None:
    desk = Renter(*rent(), now=START + 29 * DAY)
    desk.renew()
    desk.now += 23 * HOUR
    assert desk.play() == ""

    desk.now += 10 * HOUR  # past the last moment to begin
    # The seeder asks how its licence stands before it is asked what it played.
    assert desk.status().status == "active"
    lease = desk.renew()
    assert desk.status().status == "active"

    assert lease.first_play == (START + 29 * DAY + 23 * HOUR).replace(second=0)


def test_the_earliest_start_of_all_devices_counts() -> None:
    ada, entitlement = rent()
    desk, phone = Renter(ada, entitlement), Renter(ada, entitlement, name="phone")
    desk.renew()
    phone.renew()
    for device, hours in ((desk, 5), (phone, 2)):
        device.now = START + hours * HOUR
        assert device.play() == ""
    desk.now = phone.now = START + 6 * HOUR

    late, early = desk.renew(), phone.renew()

    assert late.first_play == (START + 5 * HOUR).replace(second=0)
    assert early.first_play == (START + 2 * HOUR).replace(second=0)
    assert desk.renew().first_play == early.first_play
    assert _again(entitlement).first_play_at == early.first_play


@pytest.mark.parametrize("hours", [-1_000, 1_000])
def test_a_wrong_clock_tells_no_start_before_the_purchase_or_in_the_future(hours: int) -> None:
    desk = Renter(*rent())
    desk.renew()
    desk.first_play = START + hours * HOUR

    lease = desk.renew()

    assert lease.first_play == START.replace(second=0)


def test_who_gets_no_lease() -> None:
    ada, entitlement = rent()
    desk, phone = Renter(ada, entitlement), Renter(ada, entitlement, name="phone")
    eve = Renter(*rent())
    bought = Renter(ada, buy(ada, sell(), now=START), name="laptop")

    with pytest.raises(NotLeasedError, match="without the shop"):
        bought.ask()
    for stranger in (phone, eve):
        stranger.licence = desk.licence
        with pytest.raises(LicenceNotFoundError):
            stranger.ask()
    accounts.remove_device(user=ada, device_id=desk.device.pk, now=START)
    with pytest.raises(DeviceNotFoundError):
        desk.ask()

    assert Lease.objects.count() == 0


def test_a_refund_or_a_handover_ends_the_leases() -> None:
    desk = Renter(*rent())
    desk.renew()
    assert desk.entitlement.order_id is not None

    Entitlement.objects.update(on_hold=True)
    with pytest.raises(HandingOverError):
        desk.renew()
    Entitlement.objects.update(on_hold=False)
    services.revoke(order_id=desk.entitlement.order_id, cause="refund:1", now=START)
    with pytest.raises(EntitlementRevokedError):
        desk.renew()

    assert Lease.objects.count() == 1


def test_a_device_with_a_new_sealing_key_gets_leases_for_that_one() -> None:
    desk = Renter(*rent())
    desk.seeder.sealing = SealingKey.generate()
    desk.seeder.log_in(desk.user)
    desk.device.refresh_from_db()
    desk.licence = services.licence_for(
        user=desk.user, device=desk.device, package_id=desk.entitlement.package_id, now=START
    )

    lease = desk.renew()

    key = packaging.content_key(desk.entitlement.package_id)
    assert lease_key(lease, sealing_key=desk.seeder.sealing) == key


def test_two_copies_of_a_device_are_noticed_and_not_locked_out() -> None:
    desk = Renter(*rent())
    desk.renew()
    copy = desk.lease
    desk.renew()
    desk.renew()
    assert Device.objects.get(pk=desk.device.pk).copies_suspected_on is None

    desk.lease = copy
    lease = desk.renew()

    assert lease.counter == 4
    assert Device.objects.get(pk=desk.device.pk).copies_suspected_on == START.date()
    [entry] = AuditEntry.objects.filter(body__contains="copy_suspected")
    assert json.loads(entry.body)["licence"] == str(desk.licence.pk)


def test_an_answer_that_was_lost_is_no_copy() -> None:
    desk = Renter(*rent())
    desk.ask()
    desk.renew()
    desk.ask()
    desk.ask()

    assert desk.renew().counter == 5
    assert desk.renew().counter == 6
    assert Device.objects.get(pk=desk.device.pk).copies_suspected_on is None


def test_a_record_that_was_lost_begins_anew() -> None:
    desk = Renter(*rent())
    desk.renew()
    assert desk.renew().epoch == 0

    desk.lease = None
    lease = desk.renew()

    assert (lease.epoch, lease.counter) == (1, 3)
    assert desk.renew().epoch == 1
    assert Device.objects.get(pk=desk.device.pk).copies_suspected_on == START.date()


def test_a_counter_that_the_shop_never_gave_does_not_set_it_back() -> None:
    desk = Renter(*rent())

    assert desk.ask(counter=40).counter == 41


def test_a_subscription_goes_on_by_leases_and_the_licence_stays() -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    assert listing.package_id is not None
    granted = {
        "user": ada, "listing_id": listing.pk, "package_id": listing.package_id,
        "order_id": None, "kind": "subscription", "source": "subscription:1", "now": START,
    }  # fmt: skip
    leased = {"play": True, "lease": {"duration": 259_200, "grace": 86_400}}
    month = services.grant(**granted, rights=leased, expires_at=START + 30 * DAY)  # type: ignore[arg-type]
    desk = Renter(ada, month)
    first = desk.licence.jws
    assert desk.renew().expires == dt.datetime(2026, 11, 28, 10, tzinfo=dt.UTC)

    desk.now = START + 31 * DAY
    with pytest.raises(EntitlementOverError):
        desk.renew()
    until = START + 60 * DAY
    told = {"entitlement_id": month.pk, "expires_at": until, "source": "paid:2"}
    assert services.extend(**told, now=desk.now) is True  # type: ignore[arg-type]
    assert services.extend(**told, now=desk.now) is False  # type: ignore[arg-type]

    assert desk.renew().expires == dt.datetime(2026, 12, 29, 10, tzinfo=dt.UTC)
    again = services.licence_for(
        user=ada, device=desk.device, package_id=month.package_id, now=desk.now
    )
    assert (again.jws, desk.status().status) == (first, "active")


def test_the_shop_remembers_no_hour_of_a_renewal() -> None:
    desk = Renter(*rent())
    desk.renew()
    before = AuditEntry.objects.count()
    desk.now = START + dt.timedelta(hours=3, minutes=25, seconds=45)

    desk.renew()

    kinds = {type(field) for field in Lease._meta.get_fields()}
    assert not kinds & {models.DateTimeField, models.TimeField}
    entries = [json.loads(e.body) for e in AuditEntry.objects.filter(index__gte=before)]
    assert [(e["kind"], e["at"] % 86_400) for e in entries] == [("lease", 0)]
    assert _again(desk.entitlement).sequence == desk.entitlement.sequence


def test_the_library_says_how_far_a_rental_is() -> None:
    ada, entitlement = rent(now=dt.datetime.now(dt.UTC))
    [waiting] = queries.library_of(ada)
    desk = Renter(ada, entitlement, now=entitlement.created_at)
    desk.renew()
    desk.play()
    desk.renew()
    [begun] = queries.library_of(ada)
    Entitlement.objects.update(expires_at=entitlement.created_at)
    [over] = queries.library_of(ada)

    assert (waiting.kind, waiting.state, waiting.begun) == ("rental", "active", False)
    assert waiting.start_by == entitlement.created_at + 30 * DAY
    assert (begun.begun, begun.start_by, begun.state) == (True, None, "active")
    assert (over.state, over.active, over.revoked_at) == ("expired", False, None)
    assert not queries.owns(ada, entitlement.listing_id)
    assert not queries.is_entitled(ada.pk, entitlement.package_id)
    assert queries.packages_of(ada) == set()
