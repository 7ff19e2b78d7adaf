"""Receipts as PDF files: read back, and compared with what was paid."""

from __future__ import annotations

import io
import re
import uuid
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from pypdf import PdfReader
from pytest_django import Settings

from marketplace.accounts import services as accounts
from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.receipt_fonts import BOLD, REGULAR, font_file, writable
from marketplace.checkout.receipts import receipt_of_bill, receipt_of_order
from marketplace.checkout.types import Wish
from marketplace.core.money import Money
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import begin, bought, client_of, reprice, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def _read(client: Client, path: str, *, language: str = "en") -> str:
    """The words of the file, as whoever copies them out of it gets them."""
    client.cookies["django_language"] = language
    answer = client.get(path)
    assert (answer.status_code, answer["Content-Type"]) == (200, "application/pdf")
    document = PdfReader(io.BytesIO(answer.content))
    text = "\n".join(page.extract_text() for page in document.pages)
    return " ".join(text.split())


def _paid_at_once(stripe: Emulator, user: User, *listings: Listing) -> Bill:
    started = services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    assert started.pay_url is not None
    stripe.pay(started.pay_url)
    return services.settle_bill(bill_id=started.bill.pk, now=timezone.now())


def _refund(order: Order, minor: int | None = None) -> None:
    amount = None if minor is None else Money(minor, order.currency)
    services.refund_order(
        order_id=order.pk, by=order.listing.seller, reason="", amount=amount, now=timezone.now()
    )


def test_a_receipt_says_what_was_bought_of_whom_and_for_how_much(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(make_seller("달빛 스튜디오"), title="밤의 노래")
    order = bought(stripe, ada, listing)
    client = client_of(ada)
    page = client.get(f"/orders/{order.pk}/").content.decode()

    text = _read(client, f"/orders/{order.pk}/receipt.pdf")

    assert f'href="/orders/{order.pk}/receipt.pdf"' in page
    for told in (
        "Receipt", order.number, "밤의 노래", "달빛 스튜디오", "ada@example.org", "₩9,900",
        "Paid by Stripe", f"/orders/{order.pk}/",
    ):  # fmt: skip
        assert told in text, told
    assert "Invoice" not in text
    assert "Refunded" not in text


def test_the_same_receipt_is_the_same_file_and_korean_has_its_own(stripe: Emulator) -> None:
    ada = make_person()
    order = bought(stripe, ada, sell())
    client, path = client_of(ada), f"/orders/{order.pk}/receipt.pdf"
    first, again = client.get(path), client.get(path)
    korean = _read(client, path, language="ko")

    day = timezone.localtime(Order.objects.get().paid_at)

    assert first.content == again.content
    assert first["Content-Disposition"] == f'inline; filename="{order.number}.pdf"'
    assert f"{day.year}년 {day.month}월 {day.day}일" in korean
    assert "가격 " in korean
    assert "대한민국" in korean


def test_a_business_gets_an_invoice_with_its_number_and_the_tax(
    stripe: Emulator, settings: Settings
) -> None:
    settings.RECEIPT_ISSUER = "거북 주식회사"
    settings.RECEIPT_ADDRESS = "서울특별시 중구 세종대로 110"
    settings.RECEIPT_TAX_NUMBER = "220-81-62517"
    settings.STRIPE_TAX = True
    ada, seller = make_person(), make_seller()
    accounts.set_tax_number(user=seller, number="KR1234567890")
    payment = begin(ada, sell(seller))
    stripe.pay(payment.checkout_url, country="DE", tax_id="DE123456789")
    order = settle(payment)
    tax = Money(Payment.objects.get().tax_minor, "KRW")

    text = _read(client_of(ada), f"/orders/{order.pk}/receipt.pdf")

    assert tax.minor > 0

    assert text.startswith("Invoice ")
    for told in (
        "Issued by 거북 주식회사", "서울특별시 중구 세종대로 110", "220-81-62517", "Germany",
        "VAT or GST number of the buyer DE123456789", f"Tax included in it {tax}", "South Korea, KR1234567890",
    ):  # fmt: skip
        assert told in text, told


def test_what_went_back_stands_on_it_in_part_and_whole(stripe: Emulator) -> None:
    ada = make_person()
    order = bought(stripe, ada, sell())
    client, path = client_of(ada), f"/orders/{order.pk}/receipt.pdf"

    _refund(order, 2_000)
    part = _read(client, path)
    _refund(order)
    whole = _read(client, path)

    assert "Refunded − ₩2,000 Paid in all ₩7,900" in part
    assert "Refunded on" in whole
    assert "− ₩9,900 Paid in all ₩0" in whole


def test_one_file_has_all_that_was_paid_at_once_and_the_tax_adds_up(stripe: Emulator) -> None:
    ada, song, film = make_person(), sell(title="밤의 노래"), sell(title="The film")
    reprice(film, 10_000)
    bill = _paid_at_once(stripe, ada, song, film)
    Payment.objects.update(tax_minor=1_001)
    client = client_of(ada)
    both = _read(client, f"/bills/{bill.pk}/receipt.pdf")
    of_song = bill.orders.get(listing=song)
    alone = _read(client, f"/orders/{of_song.pk}/receipt.pdf")

    whole = receipt_of_bill(ada, bill.pk)
    parts = [receipt_of_order(ada, order.pk) for order in bill.orders.all()]

    assert f"/bills/{bill.pk}/receipt.pdf" in client.get(f"/bills/{bill.pk}/").content.decode()
    for told in ("밤의 노래", "The film", "Paid in all ₩19,900", "Tax included in it ₩1,001"):
        assert told in both, told
    assert "The film" not in alone
    assert sum(part.tax.minor for part in parts) == whole.tax.minor == 1_001
    assert sum(part.total.minor for part in parts) == whole.total.minor == 19_900
    assert whole.cash.minor + whole.credit.minor == whole.total.minor
    assert whole.list_total.minor - whole.discount.minor == whole.total.minor


def test_a_bill_has_a_number_of_its_own_and_a_single_order_has_one_alone(
    stripe: Emulator,
) -> None:
    ada = make_person()
    bill = _paid_at_once(stripe, ada, sell(title="밤의 노래"), sell(title="The film"))
    order = bought(stripe, make_person("bob"), sell())

    whole = receipt_of_bill(ada, bill.pk)
    answer = client_of(ada).get(f"/bills/{bill.pk}/receipt.pdf")

    assert re.fullmatch(r"B-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}", whole.number)
    assert whole.number == bill.number
    assert answer["Content-Disposition"] == f'inline; filename="{bill.number}.pdf"'
    assert {line.number for line in whole.lines} == {one.number for one in bill.orders.all()}
    assert receipt_of_order(ada, bill.orders.all()[0].pk).number == bill.orders.all()[0].number
    assert receipt_of_bill(order.buyer, order.bill_id).number == order.number


def test_a_bill_of_before_keeps_the_number_that_was_printed(stripe: Emulator) -> None:
    ada = make_person()
    bill = _paid_at_once(stripe, ada, sell(title="밤의 노래"), sell(title="The film"))
    Bill.objects.update(number=None)

    numbers = sorted(order.number for order in bill.orders.all())

    assert receipt_of_bill(ada, bill.pk).number == numbers[0]


def test_what_was_not_paid_has_no_receipt(stripe: Emulator) -> None:
    ada = make_person()
    payment = begin(ada, sell())
    order = Order.objects.get(bill_id=payment.bill_id)
    client = client_of(ada)

    for path in (f"orders/{order.pk}", f"bills/{order.bill_id}", f"orders/{uuid.uuid4()}"):
        assert client.get(f"/{path}/receipt.pdf").status_code == 404, path
    assert "receipt.pdf" not in client.get(f"/orders/{order.pk}/").content.decode()


def test_what_is_free_has_one_over_nothing(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    reprice(listing, 0)
    services.start_checkout(
        buyer=ada, wishes=[Wish(listing_id=listing.pk, seen=terms_of(listing).token)],
        site="http://shop.test", language="en", now=timezone.now(),
    )  # fmt: skip

    text = _read(client_of(ada), f"/orders/{Order.objects.get().pk}/receipt.pdf")

    assert "Paid in all ₩0" in text
    assert "Paid by Stripe" not in text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("밤의 노래 ₩9,900", "밤의 노래 ₩9,900"),
        ("東京 あア", "東京 あア"),
        ("Łódź 🎵", "?ódz ?"),
        ("a\nb\tc", "a b c"),
    ],
)
def test_what_the_font_lacks_is_written_as_near_as_it_can_be(text: str, written: str) -> None:
    assert writable(text) == written


def test_the_font_is_there_in_both_weights() -> None:
    assert [Path(font_file(weight)).is_file() for weight in (REGULAR, BOLD)] == [True, True]
