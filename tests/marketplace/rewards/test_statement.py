"""What the statements of deliverers and sellers say of the pools."""

from __future__ import annotations

import pytest
from django.test import Client

from marketplace.accounts.models import User
from marketplace.core.money import Money
from marketplace.rewards import queries
from tests.marketplace.rewards.sales import (
    Receipts,
    bought,
    credit_of,
    give_back,
    pay_back,
    settle,
)
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db

CLOSES, MATURES = 14, 122


def won(minor: int) -> Money:
    return Money(minor, "KRW")


def page_of(user: User, path: str) -> str:
    client = Client()
    client.force_login(user)
    answer = client.get(path)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_statement_explains_every_won_and_names_no_buyer() -> None:
    bob, song, film = make_person("bob"), sell(), sell(title="The film")
    buyers, receipts = [make_person(f"buyer-{number}") for number in range(3)], Receipts()
    assert song.package is not None
    for buyer in buyers:
        bought(buyer, song)
        receipts.add(buyer, bob, song.package.sealed_size)
    bought(buyers[0], film)
    settle(receipts, day=CLOSES)
    settle(receipts, day=MATURES)

    rows = queries.earnings_of(queries.given_to(bob, "KRW"), "KRW")
    page = page_of(bob, "/credit/deliveries/")

    assert sum(row.given.minor for row in rows) == credit_of(bob)
    assert {(row.title, row.buyers) for row in rows} == {("밤의 노래", 3), ("The film", 1)}
    assert "to 3 buyers" in page
    assert "₩891" in page
    assert not any(buyer.email in page for buyer in buyers)
    assert "Earned by delivering" in page_of(bob, "/credit/")


def test_what_waits_is_shown_with_what_a_refund_took_of_it() -> None:
    ada, eve, bob, song = *map(make_person, ("ada", "eve", "bob")), sell()
    receipts = Receipts()
    first, second = bought(ada, song), bought(eve, song)
    receipts.add(ada, bob, 10**9)
    receipts.add(eve, bob, 10**9)
    settle(receipts, day=CLOSES)

    give_back(first)
    pay_back(second, 3_300)

    [row] = queries.waiting_for(bob, "KRW")
    assert (row.buyers, row.earned, row.waits) == (2, won(594), won(198))
    assert (row.taken_back, row.given) == (won(396), won(0))
    assert queries.waiting_sums(bob) == [won(198)]
    assert "Of ₩594, ₩396 went back" in page_of(bob, "/credit/deliveries/")
    assert "still waits: ₩198" in page_of(bob, "/credit/")


def test_a_seller_sees_what_was_set_aside_and_where_it_went() -> None:
    seller = make_seller()
    song, receipts = sell(seller), Receipts()
    assert song.package is not None
    size = song.package.sealed_size
    buyers = [make_person(f"buyer-{number}") for number in range(3)]
    orders = [bought(buyer, song) for buyer in buyers]
    give_back(orders[2])
    receipts.add(buyers[0], make_person("bob"), size // 2)
    receipts.add(buyers[0], None, size // 4)
    before = queries.pools_of(seller, "KRW")
    settle(receipts, day=CLOSES)

    [row] = queries.pools_of(seller, "KRW")
    page = page_of(seller, "/studio/earnings/delivery/")

    assert [(one.aside, one.open, one.refunded) for one in before] == [
        (won(891), won(594), won(297))
    ]
    assert (row.aside, row.open, row.refunded) == (won(891), won(0), won(297))
    assert row.to_peers.minor + row.to_operator.minor + row.back.minor == 594
    assert row.to_peers == won(149)
    assert row.to_operator == won(74)
    assert "₩371" in page
    assert queries.pools_of(make_person("else"), "KRW") == []


def test_pages_of_who_has_nothing_say_what_it_takes() -> None:
    ada = make_person()

    assert "Nothing earned yet" in page_of(ada, "/credit/deliveries/?currency=XXX")
    assert "Nothing set aside yet" in page_of(ada, "/studio/earnings/delivery/")
