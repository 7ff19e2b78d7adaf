"""Tax fields: what Stripe reckons, what buyers tell there, and the sellers' own numbers."""

from __future__ import annotations

import pytest
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts import services as accounts
from marketplace.accounts.errors import SellerNotFoundError, TaxNumberError
from marketplace.checkout import subscribing
from marketplace.orders.models import Order
from marketplace.payments.models import Payment, SubscriptionInvoice
from tests.marketplace.checkout.shopping import begin, bought, client_of, settle
from tests.marketplace.checkout.subscribers import begin_subscription, offer
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_tax_and_the_buyers_number_are_kept_with_the_payment(
    stripe: Emulator, settings: Settings
) -> None:
    settings.STRIPE_TAX = True
    payment = begin(make_person(), sell())
    assert stripe.pay(payment.checkout_url).status_code == 422  # it asks for the country
    assert stripe.pay(payment.checkout_url, country="KR", tax_id="123-45-67890").status_code == 303

    order = settle(payment)

    payment = Payment.objects.get()
    assert (order.state, payment.amount_minor, payment.tax_minor) == ("paid", 9_900, 900)
    assert (payment.buyer_country, payment.buyer_tax_id) == ("KR", "123-45-67890")


def test_without_stripe_tax_nothing_is_asked(stripe: Emulator) -> None:
    bought(stripe, make_person(), sell())

    payment = Payment.objects.get()
    assert (payment.tax_minor, payment.buyer_country, payment.buyer_tax_id) == (0, "", "")


def test_each_period_of_a_subscription_has_its_tax(stripe: Emulator, settings: Settings) -> None:
    settings.STRIPE_TAX = True
    order, url = begin_subscription(make_person(), offer(minor=11_900))
    stripe.pay(url, country="DE", tax_id="DE123456789")
    subscribing.settle_order(order, now=timezone.now())
    row = SubscriptionInvoice.objects.get()
    stripe.hook(f"subscriptions/{row.subscription.stripe_id}/next")
    stripe.hook(f"subscriptions/{row.subscription.stripe_id}/next")

    subscribing.settle_order(order, now=timezone.now())

    taxed = Payment.objects.values_list("tax_minor", "buyer_country", "buyer_tax_id")
    assert list(taxed) == [(1_900, "DE", "DE123456789")] * 2


def test_an_order_keeps_the_sellers_number_of_its_time(stripe: Emulator) -> None:
    seller = make_seller()
    accounts.set_tax_number(user=seller, number=" de１２３456789 ")
    order = bought(stripe, make_person(), sell(seller))
    accounts.set_tax_number(user=seller, number="")

    assert Order.objects.get(pk=order.pk).seller_tax_number == "DE123456789"


@pytest.mark.parametrize("number", ["<b>", "-12345", "번호"])
def test_what_is_no_number_is_refused(number: str) -> None:
    seller = make_seller()

    with pytest.raises(TaxNumberError):
        accounts.set_tax_number(user=seller, number=number)

    seller.seller.refresh_from_db()
    assert seller.seller.tax_number == ""


def test_the_page_keeps_it_and_says_what_is_wrong() -> None:
    seller = make_seller()
    page = client_of(seller)

    assert page.post("/accounts/tax-number/", {"number": "!!"}).status_code == 422
    assert page.post("/accounts/tax-number/", {"number": "123-45-67890"}).status_code == 302
    assert "123-45-67890" in page.get("/accounts/tax-number/").content.decode()

    with pytest.raises(SellerNotFoundError):
        accounts.set_tax_number(user=make_person("eve"), number="1")
