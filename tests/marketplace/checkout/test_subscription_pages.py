"""The pages of a subscription, as a buyer and a seller see them."""

from __future__ import annotations

import re

import pytest
from django.utils import timezone

from marketplace.checkout import subscribing
from marketplace.licensing.models import Entitlement
from marketplace.payments.models import Subscription
from tests.marketplace.checkout.shopping import client_of
from tests.marketplace.checkout.subscribers import (
    FAILS,
    begin_subscription,
    offer,
    subscribed,
)
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)


def test_from_the_listing_to_the_library(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    page = client_of(ada)
    assert page.get(f"/buy/{listing.pk}/").headers["Location"] == f"/subscribe/{listing.pk}/"
    text = page.get(f"/subscribe/{listing.pk}/").content.decode()
    assert "Each month" in text
    assert "₩9,900" in text
    found = re.search(r'name="seen" value="([^"]+)"', text)
    assert found is not None

    answer = page.post(f"/subscribe/{listing.pk}/", {"seen": found[1]})
    stripe.pay(answer.headers["Location"])
    own = f"/subscriptions/{Subscription.objects.get().order_id}/"
    shown = page.get(own).content.decode()

    assert "You subscribe to it" in shown
    assert "Next payment" in shown
    assert own in page.get("/subscriptions/").content.decode()
    assert "Subscribed" in page.get("/library/").content.decode()
    assert page.get(f"/subscribe/{listing.pk}/").status_code == 200
    again = page.post(f"/subscribe/{listing.pk}/", {"seen": found[1]})
    assert again.headers["Location"] == "/subscriptions/"


def test_who_subscribes_is_shown_the_subscription_and_no_button(stripe: Emulator) -> None:
    subscriber = subscribed(stripe, make_person(), offer())
    page, path = client_of(subscriber.user), f"/subscribe/{subscriber.listing.pk}/"

    running = page.get(path)
    page.post(f"/subscriptions/{subscriber.order.pk}/cancel/")
    cancelled = page.get(path).content.decode()
    subscriber.next()
    subscriber.settle()
    paid_still = page.get(path).content.decode()
    Entitlement.objects.filter(user=subscriber.user).update(expires_at=timezone.now())
    over = page.get(path).content.decode()

    shown = running.content.decode()
    assert running.status_code == 200
    assert "You subscribe to it." in shown
    assert f'href="/subscriptions/{subscriber.order.pk}/"' in shown
    assert "Next payment:" in shown
    assert 'name="seen"' not in shown
    assert "Ends:" in cancelled
    assert 'name="seen"' not in cancelled
    assert "It is in your library." in paid_still
    assert 'name="seen"' not in paid_still
    assert "Subscribe and pay" in over


def test_what_is_no_subscription_has_no_such_page() -> None:
    ada, listing = make_person(), sell()

    assert client_of(ada).get(f"/subscribe/{listing.pk}/").status_code == 404


def test_an_old_page_says_that_it_is_old(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()

    answer = client_of(ada).post(f"/subscribe/{listing.pk}/", {"seen": "another"})

    assert answer.status_code == 409
    assert "Nothing was charged" in answer.content.decode()


def test_where_stripe_does_not_answer_the_page_says_so(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    stripe.hook("fail_next", count=9, status=500, path="/v1/checkout", verb="POST")
    seen = subscribing.subscription_token(listing)

    answer = client_of(ada).post(f"/subscribe/{listing.pk}/", {"seen": seen})

    assert answer.status_code == 503
    stripe.hook("rules", method="DELETE")
    assert client_of(ada).post(f"/subscribe/{listing.pk}/", {"seen": seen}).status_code == 302


def test_it_is_cancelled_and_goes_on_after_all(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    page, own = client_of(ada), f"/subscriptions/{subscriber.order.pk}/"
    assert "until:" in page.get(own + "cancel/").content.decode()

    assert page.post(own + "cancel/").headers["Location"] == own
    shown = page.get(own).content.decode()
    assert "It is cancelled" in shown
    assert "Go on after all" in shown
    assert page.post(own + "keep/").headers["Location"] == own
    assert "Next payment" in page.get(own).content.decode()
    subscriber.renew()
    assert len(subscriber.orders()) == 2


def test_a_wish_that_stripe_did_not_hear_is_shown_all_the_same(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    page, own = client_of(ada), f"/subscriptions/{subscriber.order.pk}/"
    stripe.hook("fail_next", count=9, status=500, path="/v1/subscriptions", verb="POST")

    page.post(own + "cancel/")

    shown = page.get(own).content.decode()
    assert "as soon as it does" in shown
    assert "It is cancelled" in shown


def test_what_a_card_did_not_pay_another_pays(stripe: Emulator) -> None:
    ada = make_person()
    subscriber = subscribed(stripe, ada, offer())
    page, own = client_of(ada), f"/subscriptions/{subscriber.order.pk}/"
    assert page.post(own + "pay/").headers["Location"] == own  # nothing is owed
    subscriber.keep_card(FAILS)
    subscriber.renew()
    shown = page.get(own).content.decode()
    assert "Your card did not pay" in shown
    assert "Next try" in shown

    stripe.pay(page.post(own + "pay/").headers["Location"])
    subscriber.settle()

    assert "You subscribe to it" in page.get(own).content.decode()


def test_a_page_that_was_left_says_how_to_begin_again(stripe: Emulator) -> None:
    ada, listing = make_person(), offer()
    order, _url = begin_subscription(ada, listing)
    page, own = client_of(ada), f"/subscriptions/{order.pk}/"
    assert "Not paid yet" in page.get(own).content.decode()
    assert page.get(f"/orders/{order.pk}/").headers["Location"] == own

    stripe.hook("clock", advance=2 * 3_600)
    subscribing.settle_order(order, now=timezone.now())

    assert "Start again" in page.get(own).content.decode()
