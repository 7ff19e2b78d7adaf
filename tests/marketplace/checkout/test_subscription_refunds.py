"""Refunds of the periods of a subscription, and devices that stay offline past their lease."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.accounts.models import Device
from marketplace.checkout import services
from marketplace.core.money import Money
from marketplace.licensing.errors import EntitlementOverError, EntitlementRevokedError
from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import owns
from marketplace.licensing.services import LeaseRequest, lease_for, licence_for
from marketplace.orders.models import Order
from tests.marketplace.checkout.shopping import deliver
from tests.marketplace.checkout.subscribers import Subscriber, entitlement_of, offer, subscribed
from tests.marketplace.stripe_fixtures import REFUND_FAILS, Emulator
from tests.marketplace.trade import log_in_device, make_person

pytestmark = pytest.mark.django_db(transaction=True)


def refund(subscriber: Subscriber, order: Order, *, minor: int | None = None) -> Order:
    return services.refund_order(
        order_id=order.pk,
        by=subscriber.listing.seller,
        reason="",
        amount=None if minor is None else Money(minor, "KRW"),
        now=timezone.now(),
    )


def test_the_refund_of_the_newest_period_ends_it_all(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.renew()
    _first, second = subscriber.orders()

    assert refund(subscriber, second).state == "refunded"

    assert not owns(subscriber.user, subscriber.listing.pk)
    assert entitlement_of(subscriber).state == "revoked"
    assert (subscriber.row.state, subscriber.row.wish) == ("ended", "")
    subscriber.next(3)
    assert [o.state for o in subscriber.orders()] == ["paid", "refunded"]


def test_the_refund_of_an_earlier_period_is_about_money_alone(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    subscriber.renew()
    first, _second = subscriber.orders()

    assert refund(subscriber, first).state == "refunded"

    assert owns(subscriber.user, subscriber.listing.pk)
    assert subscriber.row.state == "active"
    subscriber.renew()
    assert [o.state for o in subscriber.orders()] == ["refunded", "paid", "paid"]


def test_a_part_that_goes_back_changes_nothing_else(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())

    order = refund(subscriber, subscriber.order, minor=900)

    assert (order.state, order.refunded_minor) == ("paid", 900)
    assert owns(subscriber.user, subscriber.listing.pk)
    assert subscriber.row.state == "active"


def test_a_refund_made_at_stripe_itself_is_heard_of(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    [charge] = [
        c for c in stripe.sdk.v1.charges.list({"limit": 100}).data
        if c.customer == stripe.sdk.v1.subscriptions.retrieve(subscriber.at_stripe).customer
    ] or stripe.sdk.v1.charges.list({"limit": 1}).data  # fmt: skip
    stripe.sdk.v1.refunds.create({"charge": charge.id})
    [event] = stripe.events("charge.refunded", id=charge.id)

    assert deliver(event).status_code == 200

    assert [o.state for o in subscriber.orders()] == ["refunded"]
    assert subscriber.settle().state == "ended"


def test_stripe_is_told_of_the_end_later_where_it_does_not_answer(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    stripe.hook("fail_next", count=9, status=500, path="/v1/subscriptions/", verb="DELETE")

    refund(subscriber, subscriber.order)

    assert not owns(subscriber.user, subscriber.listing.pk)
    assert subscriber.row.wish == "end"
    stripe.hook("rules", method="DELETE")
    services.reconcile(now=timezone.now())
    assert (subscriber.row.state, subscriber.row.wish) == ("ended", "")


def test_a_refund_that_the_bank_returns_opens_it_again_until_its_end(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer(), card=REFUND_FAILS)
    paid_until = entitlement_of(subscriber).expires_at
    refund(subscriber, subscriber.order)
    assert not owns(subscriber.user, subscriber.listing.pk)

    stripe.hook("clock", advance=4_000)
    order = services.settle_order(order_id=subscriber.order.pk, now=timezone.now())

    assert order.state == "paid"
    assert owns(subscriber.user, subscriber.listing.pk)
    assert entitlement_of(subscriber).expires_at == paid_until
    assert subscriber.row.state == "ended"
    assert mail.outbox[-1].subject.startswith("The refund of")


def test_a_device_offline_past_its_lease_opens_again_once_it_is_online(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    subscriber = subscribed(stripe, ada, listing)
    log_in_device(ada)
    desk = Device.objects.get(user=ada)
    assert listing.package_id is not None
    now = timezone.now()
    licence = licence_for(user=ada, device=desk, package_id=listing.package_id, now=now)
    until = entitlement_of(subscriber).expires_at
    assert until is not None

    with pytest.raises(EntitlementOverError):
        lease_for(
            user=ada, device=desk, licence_id=licence.pk,
            request=LeaseRequest(nonce="a" * 22), now=until + dt.timedelta(hours=1),
        )  # fmt: skip
    subscriber.renew()
    again = until + dt.timedelta(days=2)
    lease = lease_for(
        user=ada, device=desk, licence_id=licence.pk,
        request=LeaseRequest(nonce="b" * 22), now=again,
    )  # fmt: skip

    assert lease.count(".") == 2
    same = licence_for(user=ada, device=desk, package_id=listing.package_id, now=again)
    assert same.jws == licence.jws, "the licence names no end, so a renewal needs no new one"


def test_after_a_refund_a_device_gets_no_lease(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    subscriber = subscribed(stripe, ada, listing)
    log_in_device(ada)
    desk = Device.objects.get(user=ada)
    assert listing.package_id is not None
    licence = licence_for(user=ada, device=desk, package_id=listing.package_id, now=timezone.now())

    refund(subscriber, subscriber.order)

    with pytest.raises(EntitlementRevokedError):
        lease_for(
            user=ada, device=desk, licence_id=licence.pk,
            request=LeaseRequest(nonce="a" * 22), now=timezone.now(),
        )  # fmt: skip
    assert Entitlement.objects.get().state == "revoked"
