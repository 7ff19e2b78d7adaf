"""Giving shop credit, and the page that shows it."""

from __future__ import annotations

import io
import uuid
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.money import Money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.models import Entry
from marketplace.ledger.types import chart
from marketplace.orders import services as orders
from tests.marketplace.orders.ordering import open_order
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db


def grant(*arguments: str, **options: Any) -> str:
    out = io.StringIO()
    options.setdefault("reason", "미안합니다")
    call_command("credit", "grant", *arguments, stdout=out, **options)
    return out.getvalue()


def page(user: User, **query: str) -> str:
    client = Client()
    client.force_login(user)
    return client.get("/credit/", query).content.decode()


def credit_of(user: User, currency: str = "KRW") -> int:
    return books.balance(chart.credit(user.pk, currency)).minor


def test_the_operator_gives_credit_whatever_the_case_of_the_address() -> None:
    ada = make_person()

    said = grant("ADA@example.org", "5,000", "krw")

    assert "ada@example.org got ₩5,000 and has ₩5,000 of credit now." in said
    assert books.balance(chart.credit_granted("KRW")).minor == 5_000
    shown = page(ada)
    assert "Credit from the shop: 미안합니다" in shown
    assert "₩5,000" in shown


def test_with_a_key_nothing_is_given_twice() -> None:
    ada, key = make_person(), str(uuid.uuid4())

    for _ in range(2):
        grant(ada.email, "5000", "KRW", key=key)

    assert credit_of(ada) == 5_000
    grant(ada.email, "5000", "KRW")
    assert credit_of(ada) == 10_000


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("nobody@example.org", "5000", "KRW"), "Nobody has an account"),
        (("ada@example.org", "0", "KRW"), "above zero"),
        (("ada@example.org", "12.5", "KRW"), "decimals"),
        (("ada@example.org", "5", "XYZ"), "not a currency"),
    ],
)
def test_what_cannot_be_given_is_refused(arguments: tuple[str, ...], sentence: str) -> None:
    make_person()

    with pytest.raises(CommandError, match=sentence):
        grant(*arguments)

    assert Entry.objects.count() == 0


def test_the_page_tells_what_credit_was_set_aside_for_and_what_came_back() -> None:
    ada, now = make_person(), timezone.now()
    order = open_order(ada, sell())
    grant(ada.email, "5000", "KRW")
    grant(ada.email, "12.50", "USD")
    held = Money(2_000, "KRW")
    ledger.hold_credit(user_id=ada.pk, bill_id=order.bill_id, amount=held, at=now)

    shown = page(ada, currency="KRW")
    assert "Set aside while you pay: “밤의 노래”" in shown
    assert order.number in shown
    assert "₩3,000" in shown
    assert "Credit in USD" in shown

    orders.mark_expired(order_id=order.pk)
    ledger.release_credit(user_id=ada.pk, bill_id=order.bill_id, currency="KRW", at=now)
    shown = page(ada, currency="KRW")
    assert "Given back, not paid: “밤의 노래”" in shown
    assert "Set aside: “밤의 노래”" in shown
    assert "밤의 노래" not in page(ada, currency="USD")


def test_another_person_sees_their_own_alone() -> None:
    ada, eve = make_person(), make_person("eve")
    grant(ada.email, "5000", "KRW")

    assert "No credit yet" in page(eve)
