"""Renting at the checkout: what is given, how it ends, and that it can be had again."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms
from marketplace.checkout import services
from marketplace.licensing.models import Entitlement
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Refund
from tests.marketplace.checkout.shopping import (
    begin,
    bought,
    client_of,
    payment_of,
    press,
    settle,
    snapshot,
)
from tests.marketplace.stripe_fixtures import REFUND_FAILS, Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)

RENTAL = SaleTerms(rental_hours=48, start_days=30, plays=3)


def _end(order: Order) -> None:
    """Let the rental of this order run out."""
    Entitlement.objects.filter(order_id=order.pk).update(expires_at=timezone.now())


def test_a_paid_order_gives_what_was_agreed_on(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    payment = begin(ada, listing)
    Listing.objects.update(rental_hours=1, start_days=1, plays=None)  # after the order was made
    stripe.pay(payment.checkout_url)

    order = settle(payment)

    given = Entitlement.objects.get(order_id=order.pk)
    assert (given.kind, given.rights["play_window"], given.rights["play_count"]) == (
        "rental", 48 * 3_600, 3,
    )  # fmt: skip
    assert given.start_by == given.created_at + dt.timedelta(days=30)
    assert given.expires_at == given.start_by + dt.timedelta(hours=48)
    page = client_of(ada).get(f"/orders/{order.pk}/").content.decode()
    assert "You have rented it" in page


def test_other_terms_at_the_same_price_are_agreed_on_anew(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    seen = terms_of(listing).token
    Listing.objects.update(rental_hours=24)
    listing.refresh_from_db()

    answer = press(client_of(ada), listing, seen=seen)

    assert (answer.status_code, Order.objects.filter(state="paid").count()) == (409, 0)


def test_who_rents_cannot_rent_twice_at_once_and_can_again(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    first = bought(stripe, ada, listing)
    assert press(client_of(ada), listing).status_code == 409
    with pytest.raises(AlreadyOwnedError):
        begin(ada, listing)

    _end(first)
    page = client_of(ada).get(f"/buy/{listing.pk}/")
    second = bought(stripe, ada, listing)

    assert page.status_code == 200
    assert "You began to buy this" not in page.content.decode()
    assert first.pk != second.pk
    assert snapshot(ada, listing, second) == ("paid", "succeeded", True)
    assert (Entitlement.objects.count(), payment_of(first).state) == (2, "succeeded")


def test_a_rental_that_is_over_can_still_be_refunded_beside_a_new_one(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    first = bought(stripe, ada, listing)
    _end(first)
    second = bought(stripe, ada, listing)

    services.refund_order(order_id=first.pk, by=listing.seller, reason="broken", now=timezone.now())

    assert snapshot(ada, listing, second) == ("paid", "succeeded", True)
    first.refresh_from_db()
    assert first.state == "refunded"
    assert Entitlement.objects.get(order_id=first.pk).state == "revoked"
    assert "Your access to it has ended" in mail.outbox[-1].body


def test_a_refund_that_came_back_restores_a_rental_beside_a_new_one(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(terms=RENTAL)
    first = bought(stripe, ada, listing, card=REFUND_FAILS)
    _end(first)
    second = bought(stripe, ada, listing)
    services.refund_order(order_id=first.pk, by=listing.seller, reason="broken", now=timezone.now())

    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=False)
    services.settle_order(order_id=first.pk, now=timezone.now())

    first.refresh_from_db()
    assert first.state == "paid"
    assert Entitlement.objects.get(order_id=first.pk).state == "active"
    assert snapshot(ada, listing, second) == ("paid", "succeeded", True)
