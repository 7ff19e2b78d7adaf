"""The cart: several sellers at once, what has changed, and what is there already."""

from __future__ import annotations

import uuid

import pytest
from allauth.account.models import EmailAddress
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.licensing.queries import owns
from marketplace.orders.cart_types import CART_MAX
from marketplace.orders.models import CartItem, Order
from marketplace.payments.models import Payment
from tests.marketplace.accounts.people import PASSWORD, browser_of
from tests.marketplace.checkout.filling import (
    add,
    in_cart,
    item_of,
    page_of,
    pay_for,
    press_pay,
    shown_lines,
)
from tests.marketplace.checkout.shopping import bought, press, reprice
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import buy, make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def withdraw(listing: Listing) -> None:
    Listing.objects.filter(pk=listing.pk).update(status=Listing.Status.WITHDRAWN)
    listing.refresh_from_db()


def in_dollars(listing: Listing, cents: int) -> Listing:
    Listing.objects.filter(pk=listing.pk).update(price_minor=cents, currency="USD")
    listing.refresh_from_db()
    return listing


def test_things_of_two_sellers_are_paid_at_once(stripe: Emulator) -> None:
    ada = make_person()
    moon, sun = sell(make_seller("달"), title="달"), sell(make_seller("해"), title="해")
    client = browser_of(ada)
    for listing in (sun, moon):
        assert add(client, listing)["Location"] == "/cart/"

    page = page_of(client)
    payment = pay_for(stripe, client)

    assert page.index(">달</h3>") < page.index(">해</h3>")
    assert "₩19,800" in page
    assert (payment.amount_minor, Payment.objects.count()) == (19_800, 1)
    orders = Order.objects.filter(bill_id=payment.bill_id)
    assert {(order.listing_id, order.state) for order in orders} == {
        (moon.pk, "paid"),
        (sun.pk, "paid"),
    }
    assert owns(ada, moon.pk)
    assert owns(ada, sun.pk)
    assert in_cart(ada) == []
    assert "Nothing in it yet" in page_of(client)


def test_each_currency_is_a_payment_of_its_own(stripe: Emulator) -> None:
    ada, won, dollars = make_person(), sell(), in_dollars(sell(title="dollar song"), 1250)
    client = browser_of(ada)
    add(client, won)
    add(client, dollars)

    page = page_of(client)
    mixed = press_pay(client)
    lines = [line for line in shown_lines(client) if ":USD:" in line]
    answer = press_pay(client, currency="USD", lines=lines)

    assert "Each currency is a payment of its own." in page
    assert "$12.50" in page
    assert "₩9,900" in page
    assert mixed.status_code == 409
    assert answer.status_code == 302
    payment = Payment.objects.get()
    assert (payment.amount_minor, payment.currency) == (1250, "USD")


def test_the_same_thing_is_there_once() -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)

    for _ in range(3):
        add(client, listing)

    assert in_cart(ada) == [listing]
    assert "Cart, 1 thing in it" in client.get("/").content.decode()


def test_a_cart_that_was_filled_before_the_log_in_is_taken_over_once() -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    add(browser_of(ada), listing)
    client = Client()
    for one in (listing, other, other):
        assert add(client, one).status_code == 302
    before = page_of(client)
    log_in_here(client, ada)

    after = page_of(client)

    assert "Log in to pay" in before
    assert CartItem.objects.count() == 2
    assert {item.pk for item in in_cart(ada)} == {listing.pk, other.pk}
    assert "Go to payment" in after
    assert "cart" not in client.session
    client.post("/accounts/logout/")
    assert "Nothing in it yet" in page_of(client)


def log_in_here(client: Client, user: User) -> None:
    """Log in by the page, in a browser that has a cart already."""
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    fields = {"login": user.email, "password": PASSWORD}
    answer = client.post("/accounts/login/?next=/cart/", fields)
    assert (answer.status_code, answer["Location"]) == (302, "/cart/")


def test_somebody_without_an_account_can_take_out_and_agree() -> None:
    listing, other = sell(), sell(title="낮의 노래")
    client = Client()
    add(client, listing)
    add(client, other)
    reprice(listing, 12_000)
    reprice(other, 13_000)
    first, second = (row["id"] for row in client.session["cart"])

    client.post("/cart/remove/", {"item": second})
    old = client.post("/cart/agree/", {"item": first, "seen": "anything"})
    token = services.terms_now(listing, now=timezone.now()).token
    client.post("/cart/agree/", {"item": first, "seen": token})

    assert old.status_code == 409
    assert "낮의 노래" not in page_of(client)
    assert "It was" not in page_of(client)
    assert "₩12,000" in page_of(client)


def test_another_price_is_said_and_must_be_agreed_to_before_it_is_paid(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    old_page = shown_lines(client)
    reprice(listing, 12_000)

    page = page_of(client)
    late = press_pay(client, lines=old_page)
    item = item_of(ada, listing)
    forced = press_pay(client, lines=[f"{item.pk}={_token(listing)}"])

    assert "It was ₩9,900 when you put it in. It is ₩12,000 now." in page
    assert "Something here needs your decision first." in page
    assert "Go to payment" not in page
    assert (late.status_code, forced.status_code) == (409, 409)
    assert (Order.objects.count(), Payment.objects.count()) == (0, 0)

    client.post("/cart/agree/", {"item": str(item.pk), "seen": _token(listing)})
    assert pay_for(stripe, client).amount_minor == 12_000


def _token(listing: Listing) -> str:
    return services.terms_now(listing, now=timezone.now()).token


def test_agreeing_to_a_price_that_has_changed_again_is_asked_anew() -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    reprice(listing, 12_000)
    seen = _token(listing)
    reprice(listing, 15_000)

    answer = client.post("/cart/agree/", {"item": str(item_of(ada, listing).pk), "seen": seen})

    assert answer.status_code == 409
    assert "It is ₩15,000 now." in answer.content.decode()
    assert item_of(ada, listing).seen_minor == 9_900


def test_what_was_taken_off_sale_says_so_and_is_not_paid(stripe: Emulator) -> None:
    ada, gone, there = make_person(), sell(title="weg"), sell()
    client = browser_of(ada)
    add(client, gone)
    add(client, there)
    withdraw(gone)

    page = page_of(client)
    answer = press_pay(client)

    assert "The seller has taken this off sale" in page
    assert answer.status_code == 409
    assert Payment.objects.count() == 0
    client.post("/cart/remove/", {"item": str(item_of(ada, gone).pk)})
    assert pay_for(stripe, client).amount_minor == 9_900


def test_what_is_owned_asks_first(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    buy(ada, listing)

    again = add(client, listing)
    line = page_of(client)
    pressed = press_pay(client, lines=[f"{item_of(ada, listing).pk}={_token(listing)}"])
    client.post("/cart/remove/", {"item": str(item_of(ada, listing).pk)})
    added = add(client, listing)

    assert again.status_code == 409
    assert "You own this already" in again.content.decode()
    assert f"/gift/{listing.pk}/" in again.content.decode()
    assert "You own this already. It can still be a present for somebody else." in line
    assert pressed.status_code == 409
    assert (added.status_code, in_cart(ada), Order.objects.count()) == (409, [], 0)


def test_what_is_still_being_paid_for_says_how_that_stands(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    for one in (listing, other):
        add(client, one)
    url = press(client, listing)["Location"]
    assert stripe.pay(url, method="bank").status_code == 303
    order = Order.objects.get()
    services.settle_bill(bill_id=order.bill_id, now=timezone.now())

    page = page_of(client)
    again = add(client, listing)
    pressed = press_pay(client)
    buying = client.get(f"/buy/{listing.pk}/").content.decode()

    assert "You have paid for this already" in buying
    assert "your bank is still sending the money" in page
    assert f"/orders/{order.pk}/" in page
    assert again.status_code == 409
    assert f"/orders/{order.pk}/" in again.content.decode()
    assert pressed.status_code == 409
    assert Order.objects.count() == 1


def test_an_old_window_cannot_bring_back_what_was_paid(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    old_page = shown_lines(client)
    pay_for(stripe, client)

    paid_again = press_pay(client, lines=old_page)
    added_again = add(client, listing, seen=old_page[0].rpartition("=")[2])
    item = old_page[0].partition("=")[0]
    agreed = client.post("/cart/agree/", {"item": item, "seen": _token(listing)})

    assert (paid_again.status_code, added_again.status_code, agreed.status_code) == (409, 409, 409)
    assert in_cart(ada) == []
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


def test_what_is_bought_on_its_own_leaves_the_cart(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    add(client, listing)
    add(client, other)

    bought(stripe, ada, listing)

    assert in_cart(ada) == [other]


def test_an_old_window_does_not_pay_what_another_has_put_in(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    add(client, listing)
    old_page = shown_lines(client)
    add(client, other)

    answer = press_pay(client, lines=old_page)

    assert answer.status_code == 409
    assert "Your cart has changed since this page was opened" in answer.content.decode()
    assert Payment.objects.count() == 0


def test_pressing_twice_opens_one_payment(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    add(client, listing)
    add(client, other)

    first, second = press_pay(client), press_pay(client)

    assert first["Location"] == second["Location"]
    assert (Order.objects.count(), Payment.objects.count()) == (2, 1)


def test_who_leaves_the_hosted_page_is_back_in_the_cart(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    add(client, listing)
    add(client, other)
    url = press_pay(client)["Location"]

    session = stripe.sdk.v1.checkout.sessions.list({"limit": 1}).data[0]
    page = client.get(str(session.cancel_url).removeprefix("http://testserver"), follow=True)

    assert str(session.cancel_url) == "http://testserver/cart/?cancelled=1"
    assert "You came back without paying. Nothing was charged." in page.content.decode()
    assert press_pay(client)["Location"] == url


def test_who_was_logged_out_meanwhile_is_back_at_the_cart(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    lines = shown_lines(client)
    client.logout()

    asked = press_pay(client, lines=lines)
    client.force_login(ada)
    page = client.get("/cart/pay/", follow=True)

    assert asked["Location"] == "/accounts/login/?next=/cart/pay/"
    assert page.redirect_chain == [("/cart/", 302)]
    assert Payment.objects.count() == 0


def test_a_longer_cart_asks_no_more_than_a_few_times_a_line(
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    ada = make_person()
    client = browser_of(ada)
    for number in range(6):
        add(client, sell(title=str(number)))

    with django_assert_max_num_queries(20 + 6 * 12):
        client.get("/cart/")


def test_what_is_free_is_given_without_a_payment(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    reprice(listing, 0)
    client = browser_of(ada)
    add(client, listing)

    answer = press_pay(client)

    assert answer.status_code == 302
    assert owns(ada, listing.pk)
    assert in_cart(ada) == []
    assert Payment.objects.count() == 0


def test_no_amount_that_a_browser_sends_is_believed(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    cheap = _token(listing).replace(":9900:", ":1:")
    add(client, listing, seen=cheap)

    page = page_of(client)
    answer = press_pay(client, lines=[f"{item_of(ada, listing).pk}={cheap}"])

    assert "It was ₩1 when you put it in. It is ₩9,900 now." in page
    assert answer.status_code == 409
    assert Payment.objects.count() == 0


@pytest.mark.parametrize("seen", ["", "x", "a:b:c:d", "a:-1:KRW:x", "a:1:XXX:x", "9" * 300])
def test_terms_that_are_none_count_as_those_of_this_moment(seen: str) -> None:
    ada, listing = make_person(), sell()

    assert add(browser_of(ada), listing, seen=seen).status_code == 302

    assert item_of(ada, listing).seen == _token(listing)


def test_a_cart_of_another_is_out_of_reach() -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell()
    add(browser_of(ada), listing)
    item, client = item_of(ada, listing), browser_of(eve)
    reprice(listing, 12_000)

    client.post("/cart/remove/", {"item": str(item.pk)})
    agreed = client.post("/cart/agree/", {"item": str(item.pk), "seen": _token(listing)})

    assert agreed.status_code == 409
    assert item_of(ada, listing).seen_minor == 9_900


@pytest.mark.parametrize("item", ["", "x", "0"])
def test_an_item_that_is_none_is_a_bad_request(item: str) -> None:
    client = browser_of(make_person())

    assert client.post("/cart/remove/", {"item": item}).status_code == 400


def test_a_full_cart_says_so() -> None:
    ada, listing, one_more = make_person(), sell(), sell(title="낮의 노래")
    client = browser_of(ada)
    add(client, listing)
    item = item_of(ada, listing)
    for number in range(CART_MAX - 1):
        item.pk, item.recipient_email = uuid.uuid4(), f"friend{number}@example.org"
        item.save(force_insert=True)

    answer = add(client, one_more)

    assert answer.status_code == 409
    assert "Your cart holds 50 things" in answer.content.decode()
    assert CartItem.objects.count() == CART_MAX


def test_ones_own_listing_is_nothing_to_buy() -> None:
    listing = sell()

    answer = add(browser_of(listing.seller), listing)

    assert answer.status_code == 403
    assert in_cart(listing.seller) == []


def test_ones_own_listing_put_in_before_the_log_in_says_so() -> None:
    listing = sell()
    client = Client()
    add(client, listing)
    log_in_here(client, listing.seller)

    assert "This is your own listing" in page_of(client)
