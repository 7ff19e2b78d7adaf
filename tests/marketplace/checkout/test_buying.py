from __future__ import annotations

import uuid

import httpx
import pytest
from django.core import mail
from django.core.cache import cache
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.types import Wish
from marketplace.licensing import queries as licensing
from marketplace.licensing.models import Entitlement
from marketplace.messaging.models import Event
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import (
    begin,
    bought,
    client_of,
    order_of,
    payment_of,
    press,
    reprice,
    settle,
    snapshot,
)
from tests.marketplace.stripe_fixtures import CHALLENGED, DECLINED, Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_purchase_from_the_button_to_the_receipt(stripe: Emulator) -> None:
    ada, listing = make_person(), sell(may_save=True)
    client = client_of(ada)

    pressed = press(client, listing)
    order = Order.objects.get()
    before = client.get(f"/orders/{order.pk}/")
    paid = stripe.pay(pressed.headers["Location"])
    cache.clear()  # it took some seconds
    after = client.get(f"/orders/{order.pk}/")

    assert pressed.status_code == 302
    assert pressed.headers["Location"].startswith(f"{stripe.base}/c/pay/cs_test_")
    assert "Not paid yet" in before.content.decode()
    assert paid.headers["Location"] == f"http://testserver/orders/{order.pk}/"
    page = after.content.decode()
    for part in ("It is yours", order.number, "₩9,900", "달빛 스튜디오", "geobuk login"):
        assert part in page
    assert snapshot(ada, listing, order) == ("paid", "succeeded", True)
    assert Entitlement.objects.get().rights == {"play": True, "save": True}
    [receipt] = mail.outbox
    assert receipt.to == [ada.email]
    assert order.number in receipt.subject
    assert "₩9,900" in receipt.body
    assert Event.objects.filter(kind="order.changed").count() == 1


def test_the_page_says_where_it_opens_before_money_is_taken(stripe: Emulator) -> None:
    files = {"노래.flac": b"fLaC" + b"a" * 99, "extra.zip": b"PK\x03\x04" + b"b" * 99}
    mixed, plays_only = sell(files=files, may_save=True), sell()
    client = client_of(make_person())

    page = client.get(f"/buy/{mixed.pk}/").content.decode()
    other = client.get(f"/buy/{plays_only.pk}/").content.decode()

    for part in (
        "Where you can open it", "Linux or macOS", "1 file plays right there",
        "1 file has no player here", "Not on Windows yet, and not on phones", "Save the files and use them",
        "노래.flac", "₩9,900", "your access ends with the refund", "Go to payment",
    ):  # fmt: skip
        assert part in page
    assert "It plays right there, in your browser" in other
    assert "saving the files as plain files is not allowed" in other
    assert Order.objects.count() == 0


def test_buying_takes_a_login(stripe: Emulator) -> None:
    from django.test import Client

    listing = sell()

    response = Client().get(f"/buy/{listing.pk}/")

    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


def test_pressing_twice_makes_one_order_and_one_page(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)

    first, second = press(client, listing), press(client, listing)

    assert first.headers["Location"] == second.headers["Location"]
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


def test_the_client_names_no_amount(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    forged = terms_of(listing).token.replace(":9900:", ":1:")

    refused = client.post(f"/buy/{listing.pk}/", {"seen": forged, "amount": "1", "price": "1"})

    assert refused.status_code == 409
    assert Payment.objects.count() == 0


def test_declined_stays_there_and_the_next_card_pays(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)

    declined = stripe.pay(payment.checkout_url, DECLINED)
    order = settle(payment)
    between = snapshot(ada, listing, order)
    stripe.pay(payment.checkout_url)
    settle(payment)

    assert declined.status_code == 402
    assert between == ("pending", "open", False)
    assert snapshot(ada, listing, order) == ("paid", "succeeded", True)


def test_a_card_that_asks_first(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)

    asked = stripe.pay(payment.checkout_url, CHALLENGED)
    stripe.http.post(asked.headers["Location"], data={"verdict": "approve"})
    order = settle(payment)

    assert snapshot(ada, listing, order) == ("paid", "succeeded", True)


def test_coming_back_without_paying_is_said(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    hosted = stripe.http.get(payment.checkout_url).text
    assert f"/buy/{listing.pk}/?cancelled=1" in hosted

    page = client_of(ada).get(f"/buy/{listing.pk}/?cancelled=1").content.decode()

    assert "You came back without paying. Nothing was charged." in page
    assert press(client_of(ada), listing).headers["Location"] == payment.checkout_url


def test_slow_money(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url, method="bank")
    client = client_of(ada)

    waiting = client.get(f"/orders/{order_of(payment).pk}/").content.decode()
    between = snapshot(ada, listing, order_of(payment))
    again = press(client, listing)
    assert payment.session_id
    stripe.hook(f"settle/{payment.session_id}", succeeds=True)
    settle(payment)

    assert "Your payment is on its way" in waiting
    assert between == ("pending", "processing", False)
    # No second page to pay while the first payment is under way.
    assert again.headers["Location"] == f"/orders/{order_of(payment).pk}/"
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)


def test_slow_money_that_never_comes_frees_the_order(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.pay(payment.checkout_url, method="bank")
    stripe.hook(f"settle/{payment.session_id}", succeeds=False)

    order = settle(payment)

    assert snapshot(ada, listing, order) == ("expired", "failed", False)
    page = client_of(ada).get(f"/orders/{order.pk}/").content.decode()
    assert "Your bank did not send the money" in page
    assert order_of(begin(ada, listing)) != order


def test_an_expired_page_frees_the_order(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.hook("clock", advance=3700)

    order = settle(payment)
    stripe.hook("rules", method="DELETE")
    again = press(client_of(ada), listing)

    assert snapshot(ada, listing, order) == ("expired", "expired", False)
    assert again.headers["Location"] != payment.checkout_url
    assert Order.objects.filter(state="pending").count() == 1


def test_what_is_free_is_there_at_once_and_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    reprice(listing, 0)
    client = client_of(ada)

    got = press(client, listing)
    again = press(client, listing)

    order = Order.objects.get()
    assert got.headers["Location"] == f"/orders/{order.pk}/"
    assert order.state == "paid"
    assert licensing.owns(ada, listing.pk)
    assert Payment.objects.count() == 0
    assert again.status_code == 409
    assert len(mail.outbox) == 1
    assert "Free" in mail.outbox[0].body
    assert "It is yours." in client.get(f"/orders/{order.pk}/").content.decode()


def test_what_is_owned_asks_first_and_leads_to_the_library(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    bought(stripe, ada, listing)
    client = client_of(ada)

    shown, pressed = client.get(f"/buy/{listing.pk}/"), press(client, listing)

    assert (shown.status_code, pressed.status_code) == (200, 409)
    for page in (shown.content.decode(), pressed.content.decode()):
        assert "You own this already" in page
        assert 'href="/library/"' in page
        assert f'href="/gift/{listing.pk}/"' in page
        assert "Go to payment" not in page
    assert Order.objects.count() == 1


def test_ones_own_listing_cannot_be_bought(stripe: Emulator) -> None:
    seller = make_seller()
    listing = sell(seller)
    client = client_of(seller)

    page, pressed = client.get(f"/buy/{listing.pk}/"), press(client, listing)

    assert "This is your own listing" in page.content.decode()
    assert "Go to payment" not in page.content.decode()
    assert pressed.status_code == 409
    assert Order.objects.count() == 0


def test_anothers_order_and_what_is_not_on_sale_are_not_found(stripe: Emulator) -> None:
    ada, eve, draft = make_person("ada"), make_person("eve"), sell()
    order = bought(stripe, ada, sell())
    Listing.objects.filter(pk=draft.pk).update(status="draft")
    client = client_of(eve)

    for path in (
        f"/orders/{order.pk}/",
        f"/orders/{uuid.uuid4()}/",
        f"/buy/{draft.pk}/",
        f"/buy/{uuid.uuid4()}/",
        f"/studio/sales/{order.pk}/refund/",
    ):
        assert client.get(path).status_code == 404, path
    for path in (f"/buy/{draft.pk}/", f"/studio/sales/{order.pk}/refund/"):
        assert client.post(path, {"seen": "", "reason": ""}).status_code == 404, path
    assert snapshot(ada, order.listing, order) == ("paid", "succeeded", True)


def test_while_stripe_is_away_nothing_is_taken_and_trying_again_works(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    stripe.hook("fail_next", count=3, status=503, path="/v1/checkout/sessions")

    away = press(client, listing)
    back = press(client, listing)

    assert away.status_code == 503
    assert "nothing is charged twice" in away.content.decode()
    assert back.status_code == 302
    assert (Order.objects.count(), Payment.objects.count()) == (1, 1)


def test_an_answer_of_stripe_that_is_lost_makes_no_second_page(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    stripe.hook("fail_next", count=3, status=500, when="after", path="/v1/checkout/sessions")

    lost = press(client, listing)
    found = press(client, listing)

    payment = Payment.objects.get()
    sessions = stripe.sdk.v1.checkout.sessions.list({"limit": 100}).auto_paging_iter()
    mine = [s.id for s in sessions if s.client_reference_id == str(payment.pk)]
    assert lost.status_code == 503
    assert found.headers["Location"] == payment.checkout_url
    assert mine == [payment.session_id]


def test_an_order_page_that_cannot_ask_stripe_still_opens(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    stripe.hook("fail_next", count=3, status=500, path="/v1/checkout/sessions")

    page = client_of(ada).get(f"/orders/{order_of(payment).pk}/")

    assert page.status_code == 200
    assert "Not paid yet" in page.content.decode()


def test_the_waiting_page_asks_for_its_fragment(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    client = client_of(ada)

    whole = client.get(f"/orders/{order_of(payment).pk}/").content.decode()
    stripe.pay(payment.checkout_url)
    settle(payment)
    part = client.get(f"/orders/{order_of(payment).pk}/", headers={"HX-Request": "true"})

    assert 'hx-trigger="every 3s, geobuk:order.changed from:document"' in whole
    assert "<html" not in part.content.decode()
    assert "hx-trigger" not in part.content.decode()
    assert "It is yours" in part.content.decode()


def test_the_hosted_page_asks_for_the_orders_own_price(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    # Whatever happens to the rows, the amount at Stripe is what must match.
    Payment.objects.filter(pk=payment.pk).update(amount_minor=100)
    stripe.pay(payment.checkout_url)

    with pytest.raises(Exception, match="is about"):
        settle(payment)

    assert not licensing.owns(ada, listing.pk)


def test_the_receipt_is_in_the_buyers_language(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)

    client.get(f"/buy/{listing.pk}/", headers={"Accept-Language": "ko"})
    order_before = Order.objects.count()
    seen = terms_of(listing).token
    client.post(f"/buy/{listing.pk}/", {"seen": seen}, headers={"Accept-Language": "ko"})

    assert order_before == 0
    assert Order.objects.get().language == "ko"
    assert payment_of(Order.objects.get()).state == "open"


def test_redirects_of_the_hosted_page_lead_back_to_where_the_buyer_came_from(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)

    pressed = client.post(
        f"/buy/{listing.pk}/",
        {"seen": terms_of(listing).token},
        headers={"Host": "localhost:8000"},
    )
    paid: httpx.Response = stripe.pay(pressed.headers["Location"])

    assert paid.headers["Location"].startswith("http://localhost:8000/orders/")


def test_loading_a_waiting_page_anew_asks_stripe_once_in_some_seconds(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    client = client_of(ada)
    path = f"/orders/{order_of(payment).pk}/"

    first = client.get(path).content.decode()
    stripe.pay(payment.checkout_url)
    again = client.get(path).content.decode()
    cache.clear()  # the seconds are over
    later = client.get(path).content.decode()

    assert "Not paid yet" in first
    assert "Not paid yet" in again
    assert "It is yours" in later


def test_all_pages_of_one_payment_ask_stripe_together(stripe: Emulator) -> None:
    ada, seller = make_person(), make_seller()
    wishes = [
        Wish(listing_id=one.pk, seen=terms_of(one).token)
        for one in (sell(seller, title="A"), sell(seller, title="B"))
    ]
    started = services.start_checkout(
        buyer=ada, wishes=wishes, site="http://shop.test", language="en", now=timezone.now()
    )
    first, second = started.bill.orders.all()
    client = client_of(ada)

    client.get(f"/bills/{started.bill.pk}/")
    stripe.pay(started.pay_url or "")
    pages = [client.get(f"/orders/{order.pk}/").content.decode() for order in (first, second)]

    assert all("Not paid yet" in page for page in pages)
