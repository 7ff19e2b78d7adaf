"""The cart with all kinds of prices: the buyer's own choice, a sale, the last copy, codes, credit."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from marketplace.catalog.models import Listing, SalePeriod
from marketplace.core.money import Money
from marketplace.ledger import services as ledger
from marketplace.licensing.queries import owns
from marketplace.orders.models import Order
from marketplace.payments.models import Payment
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.checkout.filling import (
    add,
    in_cart,
    item_of,
    page_of,
    pay_for,
    press_pay,
    shown_lines,
)
from tests.marketplace.checkout.test_codes import code_for
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def changed(listing: Listing, **fields: Any) -> Listing:
    Listing.objects.filter(pk=listing.pk).update(**fields)
    listing.refresh_from_db()
    return listing


def open_priced(least: int = 5_000, suggested: int | None = 8_000) -> Listing:
    return changed(sell(), pricing="open", price_minor=least, suggested_minor=suggested)


def offer(client: Client, item: object, amount: str) -> Any:
    return client.post("/cart/offer/", {"item": str(item), "amount": amount})


def test_where_buyers_choose_the_suggestion_stands_until_they_do(stripe: Emulator) -> None:
    ada, listing = make_person(), open_priced()
    client = browser_of(ada)
    add(client, listing)
    item = item_of(ada, listing).pk

    suggested = page_of(client)
    answer = offer(client, item, "₩12,000")
    chosen = page_of(client)

    assert 'value="8000"' in suggested
    assert answer.status_code == 302
    assert 'value="12000"' in chosen
    assert pay_for(stripe, client).amount_minor == 12_000
    assert Order.objects.get().price_minor == 12_000


@pytest.mark.parametrize("amount", ["4999", "", "x", "-1", "1.5"])
def test_an_offer_that_the_seller_does_not_take_changes_nothing(amount: str) -> None:
    ada, listing = make_person(), open_priced()
    client = browser_of(ada)
    add(client, listing)

    answer = offer(client, item_of(ada, listing).pk, amount)

    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert item_of(ada, listing).offered is None


def test_an_amount_is_chosen_where_buyers_choose_and_nowhere_else(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)

    offer(client, item_of(ada, listing).pk, "100")

    assert item_of(ada, listing).offered is None
    assert pay_for(stripe, client).amount_minor == 9_900


def test_an_offer_below_a_least_price_that_rose_is_asked_anew(stripe: Emulator) -> None:
    ada, listing = make_person(), open_priced(least=5_000, suggested=None)
    client = browser_of(ada)
    add(client, listing)
    offer(client, item_of(ada, listing).pk, "6000")
    changed(listing, price_minor=7_000)

    page = page_of(client)
    pressed = press_pay(client)
    token = page_token(page)
    client.post("/cart/agree/", {"item": str(item_of(ada, listing).pk), "seen": token})

    assert "It was ₩5,000 when you put it in. It is ₩7,000 now." in page
    assert pressed.status_code == 409
    assert pay_for(stripe, client).amount_minor == 7_000


def page_token(page: str) -> str:
    return page.split('name="seen" value="', 1)[1].split('"', 1)[0]


def test_another_window_s_offer_is_not_paid_unseen(stripe: Emulator) -> None:
    ada, listing = make_person(), open_priced()
    client = browser_of(ada)
    add(client, listing)
    old_page = shown_lines(client)
    offer(client, item_of(ada, listing).pk, "20000")

    assert press_pay(client, lines=old_page).status_code == 409
    assert Payment.objects.count() == 0


def test_somebody_without_an_account_chooses_and_keeps_it_at_the_log_in() -> None:
    listing = open_priced()
    client = Client()
    add(client, listing)
    offer(client, client.session["cart"][0]["id"], "9000")
    refused = offer(client, client.session["cart"][0]["id"], "1")

    assert refused.status_code == 422
    assert 'value="9000"' in page_of(client)
    client.force_login(ada := make_person())
    assert 'value="9000"' in page_of(client)
    assert item_of(ada, listing).offered == Money(9_000, "KRW")


def test_a_sale_that_ends_is_another_price(stripe: Emulator) -> None:
    ada, listing, now = make_person(), sell(), timezone.now()
    sale = SalePeriod.objects.create(
        listing=listing,
        price_minor=5_000,
        currency="KRW",
        starts_at=now - dt.timedelta(hours=1),
        ends_at=now + dt.timedelta(hours=1),
        zone="Asia/Seoul",
    )
    client = browser_of(ada)
    add(client, listing, seen="")
    assert "₩5,000" in page_of(client)
    sale.ends_at = now
    sale.save()

    assert "It was ₩5,000 when you put it in. It is ₩9,900 now." in page_of(client)
    assert press_pay(client).status_code == 409


def test_a_last_copy_that_somebody_else_pays_for_is_said(stripe: Emulator) -> None:
    listing = changed(sell(), copies=1)
    ada, eve = browser_of(make_person()), browser_of(make_person("eve"))
    add(ada, listing)
    add(eve, listing)
    first = press_pay(ada)

    page = page_of(eve)
    second = press_pay(eve)
    back = page_of(ada)

    assert first.status_code == 302
    assert "All copies of it are sold or being paid for." in page
    assert second.status_code == 409
    # Who has come back from the hosted page still has the copy, and goes on.
    assert "Go to payment" in back
    assert press_pay(ada)["Location"] == first["Location"]


def test_a_subscription_is_in_no_cart() -> None:
    ada, listing = make_person(), changed(sell(), pricing="subscription", interval="month")
    client = browser_of(ada)

    answer = add(client, listing, seen="")

    assert (answer.status_code, answer["Location"]) == (302, f"/subscribe/{listing.pk}/")
    assert in_cart(ada) == []
    assert "Add to cart" not in client.get(f"/l/{listing.pk}/").content.decode()


def test_a_code_takes_off_of_its_sellers_things_alone(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(make_seller("달")), sell(make_seller("해"))
    code_for(listing.seller, percent=50)
    client = browser_of(ada)
    add(client, listing)
    add(client, other)

    applied = client.post(
        "/cart/pay/", {"currency": "KRW", "apply": "1", "code": "byeol 2026", "line": []}
    )
    page = client.get(applied["Location"]).content.decode()
    answer = client.post(
        "/cart/pay/", {"currency": "KRW", "code": "byeol-2026", "line": shown_lines(client)}
    )

    assert "₩14,850" in page
    assert answer.status_code == 302
    assert Payment.objects.get().amount_minor == 14_850
    assert sorted(Order.objects.values_list("discount_minor", flat=True)) == [0, 4_950]


def test_a_code_that_nobody_made_says_so_and_nothing_is_begun(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)

    answer = client.post(
        "/cart/pay/", {"currency": "KRW", "code": "NOPE", "line": shown_lines(client)}
    )

    assert answer.status_code == 409
    assert 'id="code-error-KRW"' in answer.content.decode()
    assert Payment.objects.count() == 0


def test_credit_pays_a_whole_cart_without_stripe(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    ledger.grant_credit(
        user_id=ada.pk,
        amount=Money(20_000, "KRW"),
        source=f"test:{uuid.uuid4()}",
        at=timezone.now(),
        reason="",
    )
    client = browser_of(ada)
    add(client, listing)
    add(client, other)

    page = client.get("/cart/?credit=1&currency=KRW").content.decode()
    answer = client.post(
        "/cart/pay/", {"currency": "KRW", "credit": "1", "line": shown_lines(client)}
    )

    assert "Pay with your credit" in page
    assert answer["Location"].startswith("/bills/")
    assert owns(ada, listing.pk)
    assert owns(ada, other.pk)
    assert in_cart(ada) == []
    assert client.get(answer["Location"]).status_code == 200
