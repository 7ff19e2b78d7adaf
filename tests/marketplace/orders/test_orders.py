from __future__ import annotations

import re
import uuid

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.messaging.models import Event
from marketplace.orders import queries, services
from marketplace.orders.errors import (
    LiveOrderExistsError,
    OrderNotFoundError,
    OrderStateError,
    OwnListingError,
)
from marketplace.orders.models import Bill, Order
from marketplace.orders.numbers import ALPHABET, new_number
from tests.marketplace.orders.ordering import line_of, open_order
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def test_a_number_can_be_read_out() -> None:
    numbers = {new_number() for _ in range(200)}

    assert len(numbers) == 200
    assert all(re.fullmatch(rf"G-[{ALPHABET}]{{4}}-[{ALPHABET}]{{4}}", n) for n in numbers)
    assert not set(ALPHABET) & set("ILOU")


def test_an_order_keeps_the_price_it_was_made_with() -> None:
    ada, listing = make_person(), sell(may_save=True)

    order = open_order(ada, listing, language="ko")
    Listing.objects.filter(pk=listing.pk).update(price_minor=1, title="changed", may_save=False)
    again = queries.order_of(ada, order.pk)

    assert (again.price_minor, again.currency, again.title) == (9_900, "KRW", "밤의 노래")
    assert (again.may_save, again.language, again.state) == (True, "ko", "pending")
    listing.refresh_from_db()
    assert queries.terms_of(again) != queries.terms_of(listing)


def test_who_may_not_order() -> None:
    seller = make_seller()
    own, other = sell(seller), sell()

    with pytest.raises(OwnListingError):
        services.open_bill(buyer=seller, lines=[line_of(other), line_of(own)])

    assert (Order.objects.count(), Bill.objects.count()) == (0, 0)


def test_what_is_owned_is_not_ordered_again_until_refunded() -> None:
    ada, listing = make_person(), sell()
    first = open_order(ada, listing)
    services.mark_paid(order_id=first.pk, now=timezone.now())

    other = sell()
    assert services.open_bill(buyer=ada, lines=[line_of(other), line_of(listing)]) is None
    assert (Order.objects.count(), Bill.objects.count()) == (1, 1)
    services.mark_refunded(order_id=first.pk, now=timezone.now())
    second = open_order(ada, listing)

    assert second != first


def test_states_move_forwards_and_tell_the_buyer_once() -> None:
    ada, listing = make_person(), sell()
    order = open_order(ada, listing)
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
    order = open_order(make_person(), sell())

    assert services.mark_refunded(order_id=order.pk, now=timezone.now())

    order.refresh_from_db()
    assert order.state == "refunded"
    assert order.paid_at == order.refunded_at


def test_an_expired_order_comes_back_only_where_it_is_alone() -> None:
    ada, listing = make_person(), sell()
    late = open_order(ada, listing)
    services.mark_expired(order_id=late.pk)
    open_order(ada, listing)

    with pytest.raises(LiveOrderExistsError):
        services.mark_paid(order_id=late.pk, now=timezone.now())
    late.refresh_from_db()
    refused = late.state
    Order.objects.exclude(pk=late.pk).update(state="expired")

    assert services.mark_paid(order_id=late.pk, now=timezone.now())
    assert refused == "expired"


def test_only_a_refunded_order_is_reinstated() -> None:
    ada, listing = make_person(), sell()
    order = open_order(ada, listing)

    with pytest.raises(OrderStateError):
        services.reinstate(order_id=order.pk)
    services.mark_refunded(order_id=order.pk, now=timezone.now())
    services.reinstate(order_id=order.pk)

    order.refresh_from_db()
    assert (order.state, order.refunded_at) == ("paid", None)


def test_the_database_keeps_one_live_order() -> None:
    ada, listing = make_person(), sell()
    order = open_order(ada, listing)
    order.pk, order.number = uuid.uuid4(), "G-0000-0000"

    with pytest.raises(IntegrityError), transaction.atomic():
        order.save(force_insert=True)

    assert Order.objects.count() == 1


def test_who_finds_an_order() -> None:
    ada, eve, listing = make_person("ada"), make_person("eve"), sell()
    operator = User.objects.create_user("op@example.org", "x", is_staff=True)
    order = open_order(ada, listing)

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
    orders = [open_order(b, listing) for b in buyers]
    services.mark_paid(order_id=orders[0].pk, now=timezone.now())
    services.mark_refunded(order_id=orders[1].pk, now=timezone.now())

    assert set(queries.sales_of(listing.seller)) == {orders[0], orders[1]}
    assert list(queries.sales_of(make_seller())) == []
