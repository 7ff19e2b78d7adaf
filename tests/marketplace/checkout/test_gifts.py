"""Buying something for somebody else: to an address, by the page or the cart, and refunded."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.catalog.types import SaleTerms
from marketplace.checkout import services
from marketplace.handovers import presents
from marketplace.handovers.models import Present
from marketplace.licensing.queries import owns
from marketplace.orders.models import Order
from marketplace.payments.models import Payment
from tests.marketplace.accounts.people import browser_of
from tests.marketplace.checkout.filling import add, page_of, pay_for
from tests.marketplace.checkout.shopping import bought, reprice, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db
FRIEND = "friend@example.org"


@pytest.fixture(autouse=True)
def mails_go_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send what is sent after commit at once: the transaction of a test never commits."""
    monkeypatch.setattr("django.db.transaction.on_commit", lambda send, **_how: send())


def gift(client: Client, listing: Listing, address: str = FRIEND, **more: str) -> Any:
    """Fill in the page “Buy as a gift” and press a button."""
    token = services.terms_now(listing, now=timezone.now()).token
    fields = {"address": address, "message": "", "seen": token, **(more or {"pay": ""})}
    return client.post(f"/gift/{listing.pk}/", fields)


def test_a_present_is_paid_and_its_link_is_mailed(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)

    answer = gift(client, listing, "Friend@Example.ORG", message="잘 지내?")
    payment = Payment.objects.get()
    assert answer["Location"] == payment.checkout_url
    assert Present.objects.count() == 0
    stripe.pay(payment.checkout_url)
    order = settle(payment)

    assert (order.state, order.recipient_email, order.present_message) == (
        "paid",
        FRIEND,
        "잘 지내?",
    )
    assert not owns(ada, listing.pk)
    to_friend, receipt = sorted(mail.outbox, key=lambda letter: letter.to != [FRIEND])
    assert to_friend.to == [FRIEND]
    assert "잘 지내?" in to_friend.body
    assert "₩" not in to_friend.body
    assert f"This present is on its way to {FRIEND}:" in receipt.body
    assert "in your library now" not in receipt.body
    page = client.get(f"/orders/{order.pk}/").content.decode()
    assert "Your present is on its way." in page
    assert f"/presents/{Present.objects.get().pk}/" in page


@pytest.mark.parametrize(
    "terms",
    [
        SaleTerms(may_save=True, lend_days=7, transferable=True, giftable=True),
        SaleTerms(rental_hours=48, start_days=30, plays=3),
        SaleTerms(),
    ],
)
def test_what_they_may_do_is_said_of_them_and_not_of_the_giver(terms: SaleTerms) -> None:
    listing = sell(terms=terms)

    page = browser_of(make_person()).get(f"/gift/{listing.pk}/")

    said = [promise.text for promise in page.context["promises"]]
    shown = html.unescape(page.content.decode())
    assert "account" in said[0]
    assert all(sentence in shown for sentence in said)
    assert not any(re.search(r"\b[Yy]ours?\b|\b[Yy]ou\b", sentence) for sentence in said)


def test_what_one_owns_can_be_a_present(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    bought(stripe, ada, listing)

    answer = gift(browser_of(ada), listing)

    assert answer.status_code == 302
    payment = Payment.objects.latest("created_at")
    stripe.pay(payment.checkout_url)
    settle(payment)
    assert owns(ada, listing.pk)
    assert Present.objects.count() == 1


def test_one_thing_for_oneself_and_for_two_friends_in_one_cart(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)
    add(client, listing)
    for name in ("bob", "eve", "eve"):
        assert gift(client, listing, f"{name}@example.org", cart="")["Location"] == "/cart/"

    page = page_of(client)
    payment = pay_for(stripe, client)

    assert "A present for bob@example.org" in page
    assert payment.amount_minor == 3 * 9_900
    assert owns(ada, listing.pk)
    assert {p.address for p in Present.objects.all()} == {"bob@example.org", "eve@example.org"}
    assert {order.state for order in Order.objects.all()} == {"paid"}
    assert "Nothing in it yet" in page_of(client)


@pytest.mark.parametrize("address", ["", "nobody", "ADA@EXAMPLE.org"])
def test_an_address_that_is_none_or_ones_own_is_refused(stripe: Emulator, address: str) -> None:
    listing = sell()

    answer = gift(browser_of(make_person()), listing, address)

    assert answer.status_code == 422
    assert 'class="errorlist"' in answer.content.decode()
    assert Order.objects.count() == 0


def test_pressing_twice_is_one_present(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = browser_of(ada)

    first, second = gift(client, listing), gift(client, listing)

    assert first["Location"] == second["Location"]
    assert Order.objects.count() == 1


def test_a_refund_takes_a_present_back_from_whoever_has_it(stripe: Emulator) -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell()
    gift(browser_of(ada), listing)
    payment = Payment.objects.get()
    stripe.pay(payment.checkout_url)
    order = settle(payment)
    link = mail.outbox[0].body if mail.outbox[0].to == [FRIEND] else mail.outbox[1].body
    path = link[link.index("/presents/claim/") :].split()[0]
    assert browser_of(eve).post(path).status_code == 302
    assert owns(eve, listing.pk)

    services.refund_order(
        order_id=order.pk, by=listing.seller, reason="", amount=None, now=timezone.now()
    )

    assert not owns(eve, listing.pk)
    assert Order.objects.get().state == "refunded"
    assert "The present was taken back" in mail.outbox[-1].body


def test_who_leaves_the_hosted_page_is_back_at_the_present(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    gift(browser_of(ada), listing)

    session = stripe.sdk.v1.checkout.sessions.list({"limit": 1}).data[0]

    assert str(session.cancel_url).endswith(f"/gift/{listing.pk}/?cancelled=1")


def test_free_things_are_no_way_to_write_to_everybody(stripe: Emulator) -> None:
    client, seller = browser_of(make_person()), make_seller()
    free, priced = sell(seller), sell(seller)
    reprice(free, 0)

    for number in range(presents.FREE_A_DAY):
        assert gift(client, free, f"friend-{number}@example.org").status_code == 302
    letters = len(mail.outbox)
    refused = gift(client, free, "one-more@example.org")

    assert refused.status_code == 409
    assert "Go on tomorrow" in refused.content.decode()
    assert (Present.objects.count(), len(mail.outbox)) == (presents.FREE_A_DAY, letters)
    # What is paid for may go to as many as one likes.
    assert gift(client, priced, "one-more@example.org").status_code == 302
