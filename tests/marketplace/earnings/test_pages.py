"""What a seller sees of their earnings."""

from __future__ import annotations

import csv
import datetime as dt
import io
import uuid

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.core.money import Money
from marketplace.ledger import services as ledger
from marketplace.ledger.types import EntryKind, Line, chart, move
from marketplace.orders.models import Order
from tests.marketplace.orders.ordering import open_order
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def browser(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


def book_sale(order: Order, *, share: int, at: dt.datetime | None = None) -> None:
    """What a paid order leads to in the books."""
    fee = order.price_minor - share
    ledger.post(
        kind=EntryKind.CHARGE,
        source=f"charge:{order.pk}",
        at=at or timezone.now(),
        lines=[
            Line(chart.clearing("KRW"), order.price_minor),
            Line(chart.seller(order.listing.seller_id, "KRW"), -share, order.pk),
            Line(chart.platform_fees("KRW"), -fee, order.pk),
        ],
    )


def rows_of(client: Client, currency: str = "KRW") -> list[list[str]]:
    answer = client.get("/studio/earnings/statement.csv", {"currency": currency})
    assert answer.content.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_nothing_is_earned_yet() -> None:
    client = browser(make_seller())

    assert "Nothing earned yet" in client.get("/studio/earnings/").content.decode()
    assert "Nothing earned yet" in client.get("/studio/earnings/statement/").content.decode()
    assert len(rows_of(client)) == 1


def test_page_and_file_show_the_same_figures() -> None:
    seller = make_seller()
    order = open_order(make_person(), sell(seller))
    book_sale(order, share=8_910)
    payout = "po"
    ledger.start_payout(
        payout=payout, seller_id=seller.pk, amount=Money(5_000, "KRW"), at=timezone.now()
    )
    client = browser(seller)

    page = client.get("/studio/earnings/statement/").content.decode()
    rows = rows_of(client)

    assert [row[1:] for row in rows[1:]] == [
        ["Payout to your bank", "", "-5000", "3910", "KRW"],
        ["Sale of “밤의 노래”", order.number, "8910", "8910", "KRW"],
    ]
    for shown in ("Payout to your bank", "−₩5,000", "₩3,910", "₩8,910", order.number):
        assert shown in page
    balance = client.get("/studio/earnings/").content.decode()
    assert "₩3,910" in balance
    assert "On its way to your bank besides: ₩5,000" in balance


def test_what_is_owed_to_the_shop_is_said_so() -> None:
    seller = make_seller()
    ledger.post(
        kind=EntryKind.REFUND,
        source="refund:1",
        at=timezone.now(),
        lines=move(debit=chart.seller(seller.pk, "KRW"), credit=chart.clearing("KRW"), minor=700),
    )

    page = browser(seller).get("/studio/earnings/").content.decode()

    assert "−₩700" in page
    assert "Your next sales make up for it" in page


def test_nobody_sees_the_statement_of_another() -> None:
    seller, rival = make_seller(), make_seller("이웃")
    book_sale(open_order(make_person(), sell(seller)), share=8_910)

    assert "₩8,910" not in browser(rival).get("/studio/earnings/").content.decode()
    assert len(rows_of(browser(rival))) == 1


def test_a_title_is_no_formula_of_a_spreadsheet() -> None:
    seller = make_seller()
    ledger.post(
        kind=EntryKind.ADJUSTMENT,
        source="adjustment:1",
        at=timezone.now(),
        lines=move(
            debit=chart.credit_granted("KRW"), credit=chart.seller(seller.pk, "KRW"), minor=700
        ),
        memo='=HYPERLINK("http://evil.example")',
    )

    assert rows_of(browser(seller))[1][1] == '\'=HYPERLINK("http://evil.example")'


def test_a_long_statement_has_pages_and_one_file() -> None:
    seller = make_seller()
    for number in range(120):
        ledger.post(
            kind=EntryKind.ADJUSTMENT,
            source=f"adjustment:{number}",
            at=timezone.now(),
            lines=move(
                debit=chart.credit_granted("KRW"), credit=chart.seller(seller.pk, "KRW"), minor=1
            ),
            memo=f"Line {number}",
        )
    client = browser(seller)

    last = client.get("/studio/earnings/statement/?page=3").content.decode()

    assert "Page 3 of 3" in last
    assert "Line 19<" in last
    assert "Line 20<" not in last
    assert [row[4] for row in rows_of(client)[1:]] == [str(left) for left in range(120, 0, -1)]


def test_an_unknown_currency_is_the_first_that_there_is() -> None:
    seller = make_seller()
    book_sale(open_order(make_person(), sell(seller)), share=8_910)

    page = browser(seller).get("/studio/earnings/statement/?currency=XXX").content.decode()

    assert "₩8,910" in page


def test_the_plot_has_a_bar_for_each_day_with_money() -> None:
    seller = make_seller()
    listing = sell(seller)
    now = timezone.now()
    for name, back, share in (("ada", 0, 8_000), ("eve", 3, 4_000), ("old", 40, 9_000)):
        at = now - dt.timedelta(days=back)
        book_sale(open_order(make_person(name), listing), share=share, at=at)
    ledger.post(
        kind=EntryKind.REFUND,
        source=f"refund:{uuid.uuid4()}",
        at=now - dt.timedelta(days=5),
        lines=move(debit=chart.seller(seller.pk, "KRW"), credit=chart.clearing("KRW"), minor=4_000),
    )

    page = browser(seller).get("/studio/earnings/").content.decode()

    assert page.count("<rect") == 3
    assert page.count("plot__bar--loss") == 1
    assert 'y="0" width="14" height="64"' in page
    assert "less what went back: ₩8,000" in page
