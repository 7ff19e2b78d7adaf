from __future__ import annotations

import re
import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.models import Listing
from marketplace.messaging.models import Event
from marketplace.orders import queries, services
from marketplace.orders.errors import (
    AlreadyOwnedError,
    LiveOrderExistsError,
    OrderNotFoundError,
    OrderStateError,
    OwnListingError,
)
from marketplace.orders.models import Order
from marketplace.orders.numbers import ALPHABET, new_number
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def test_a_number_can_be_read_out() -> None:
    numbers = {new_number() for _ in range(200)}

    assert len(numbers) == 200
    assert all(re.fullmatch(rf"G-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", n) for n in numbers)
    assert not set(ALPHABET) & set("ILOU")


def test_an_order_keeps_the_price_it_was_made_with() -> None:
    ada, listing = make_person(), sell(may_save=True)

    order = services.open_order(buyer=ada, listing_id=listing.pk, language="ko")
    Listing.objects.filter(pk=listing.pk).update(price_minor=1, title="changed", may_save=False)
    again = services.open_order(buyer=ada, listing_id=listing.pk)

    assert again == order
    assert (again.price_minor, again.currency, again.title) == (9_900, "KRW", "밤의 노래")
    assert (again.may_save, again.language, again.state) == (True, "ko", "pending")
    listing.refresh_from_db()
    assert queries.terms_of(again) != queries.terms_of(listing)


def test_who_may_not_order() -> None:
    seller = make_seller()
    listing, hidden, ada = sell(seller), sell(seller), make_person()
    Listing.objects.filter(pk=hidden.pk).update(status="withdrawn")

    with pytest.raises(OwnListingError):
        services.open_order(buyer=seller, listing_id=listing.pk)
    for listing_id in (hidden.pk, uuid.uuid4()):
        with pytest.raises(ListingNotFoundError):
            services.open_order(buyer=ada, listing_id=listing_id)

    assert Order.objects.count() == 0


def test_what_is_owned_is_not_ordered_again_until_refunded() -> None:
    ada, listing = make_person(), sell()
    first = services.open_order(buyer=ada, listing_id=listing.pk)
    services.mark_paid(order_id=first.pk, now=timezone.now())

    with pytest.raises(AlreadyOwnedError):
        services.open_order(buyer=ada, listing_id=listing.pk)
    services.mark_refunded(order_id=first.pk, now=timezone.now())
    second = services.open_order(buyer=ada, listing_id=listing.pk)

    assert second != first


def test_states_move_forwards_and_tell_the_buyer_once() -> None:
    ada, listing = make_person(), sell()
    order = services.open_order(buyer=ada, listing_id=listing.pk)
    now = timezone.now()

    moves = [
        services.mark_paid(order_id=order.pk, now=now),
        services.mark_paid(order_id=order.pk, now=now),
        services.mark_expired(order_id=order.pk),
        services.mark_refunded(order_id=order.pk, now=now),
        services.mark_refunded(order_id=order.pk, now=now),
        services.mark_paid(order_id=order.pk, now=now),
        services.mark_expired(order_id=order.pk),
    ]

    assert moves == [True, False, False, True, False, False, False]
    told = Event.objects.filter(kind="order.changed").order_by("id")
    assert [event.payload for event in told] == [
        {"order": str(order.pk), "state": "paid"},
        {"order": str(order.pk), "state": "refunded"},
    ]
    assert {event.group for event in told} == {f"user.{ada.pk.hex}"}


def test_a_refund_that_is_heard_of_first_needs_no_payment() -> None:
    order = services.open_order(buyer=make_person(), listing_id=sell().pk)

    assert services.mark_refunded(order_id=order.pk, now=timezone.now())

    order.refresh_from_db()
    assert order.state == "refunded"
    assert order.paid_at == order.refunded_at


def test_an_expired_order_comes_back_only_where_it_is_alone() -> None:
    ada, listing = make_person(), sell()
    late = services.open_order(buyer=ada, listing_id=listing.pk)
    services.mark_expired(order_id=late.pk)
    services.open_order(buyer=ada, listing_id=listing.pk)

    with pytest.raises(LiveOrderExistsError):
        services.mark_paid(order_id=late.pk, now=timezone.now())
    late.refresh_from_db()
    refused = late.state
    Order.objects.exclude(pk=late.pk).update(state="expired")

    assert services.mark_paid(order_id=late.pk, now=timezone.now())
    assert refused == "expired"


def test_only_a_refunded_order_is_reinstated() -> None:
    ada, listing = make_person(), sell()
    order = services.open_order(buyer=ada, listing_id=listing.pk)

    with pytest.raises(OrderStateError):
        services.reinstate(order_id=order.pk)
    services.mark_refunded(order_id=order.pk, now=timezone.now())
    services.reinstate(order_id=order.pk)

    order.refresh_from_db()
    assert (order.state, order.refunded_at) == ("paid", None)


def test_the_database_keeps_one_live_order() -> None:
    ada, listing = make_person(), sell()
    order = services.open_order(buyer=ada, listing_id=listing.pk)
    order.pk, order.number = uuid.uuid4(), "G-0000-0000"

    with pytest.raises(IntegrityError), transaction.atomic():
        order.save(force_insert=True)

    assert Order.objects.count() == 1


def test_who_finds_an_order() -> None:
    ada, eve, listing = make_person("ada"), make_person("eve"), sell()
    operator = User.objects.create_user("op@example.org", "x", is_staff=True)
    order = services.open_order(buyer=ada, listing_id=listing.pk)

    assert queries.order_of(ada, order.pk) == order
    assert queries.order_for_sale(order.pk, listing.seller) == order
    assert queries.order_for_sale(order.pk, operator) == order
    for stranger in (eve, operator, listing.seller):
        with pytest.raises(OrderNotFoundError):
            queries.order_of(stranger, order.pk)
    for stranger in (eve, ada, make_seller()):
        with pytest.raises(OrderNotFoundError):
            queries.order_for_sale(order.pk, stranger)
    with pytest.raises(OrderNotFoundError):
        services.mark_paid(order_id=uuid.uuid4(), now=timezone.now())


def test_sales_are_what_was_paid() -> None:
    listing = sell()
    buyers = [make_person(name) for name in ("ada", "bob", "cy")]
    orders = [services.open_order(buyer=b, listing_id=listing.pk) for b in buyers]
    services.mark_paid(order_id=orders[0].pk, now=timezone.now())
    services.mark_refunded(order_id=orders[1].pk, now=timezone.now())

    assert set(queries.sales_of(listing.seller)) == {orders[0], orders[1]}
    assert list(queries.sales_of(make_seller())) == []
