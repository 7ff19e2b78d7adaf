"""The listing changes while someone is buying it."""

from __future__ import annotations

import pytest
from django.utils import timezone

from marketplace.catalog.models import Listing
from marketplace.checkout import services
from marketplace.checkout.errors import TermsChangedError
from marketplace.checkout.types import Wish
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import (
    begin,
    client_of,
    order_of,
    press,
    reprice,
    snapshot,
)
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_new_price_is_said_before_paying_and_the_old_page_is_closed(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    old = begin(ada, listing)
    stale = terms_of(listing).token
    reprice(listing, 12_000)

    surprised = press(client, listing, seen=stale)
    page = client.get(f"/buy/{listing.pk}/").content.decode()
    agreed = press(client, listing)

    assert surprised.status_code == 409
    assert "The price is ₩12,000 now" in surprised.content.decode()
    assert "₩12,000" in page
    assert agreed.headers["Location"] != old.checkout_url
    assert stripe.pay(old.checkout_url).status_code == 410
    assert [(o.state, o.price_minor) for o in Order.objects.order_by("created_at")] == [
        ("expired", 9_900),
        ("pending", 12_000),
    ]


def test_begun_at_the_old_price_the_page_says_so(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    begin(ada, listing)
    reprice(listing, 12_000)

    page = client_of(ada).get(f"/buy/{listing.pk}/").content.decode()

    assert "You began to buy this at ₩9,900" in page
    assert "it is ₩12,000 now" in page


def test_paid_in_the_moment_of_the_new_price_it_is_theirs(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    reprice(listing, 12_000)
    stripe.pay(payment.checkout_url)

    pressed = press(client_of(ada), listing)

    assert pressed.headers["Location"] == f"/orders/{order_of(payment).pk}/"
    assert snapshot(ada, listing, order_of(payment)) == ("paid", "succeeded", True)
    assert Order.objects.count() == 1


def test_taken_off_sale_in_between_is_said_and_the_page_is_closed(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client = client_of(ada)
    payment = begin(ada, listing)
    Listing.objects.filter(pk=listing.pk).update(status="withdrawn")

    pressed = client.post(f"/buy/{listing.pk}/", {"seen": ""})

    assert pressed.status_code == 409
    assert "The seller has taken this off sale. Nothing was charged" in pressed.content.decode()
    assert stripe.pay(payment.checkout_url).status_code == 410
    assert snapshot(ada, listing, order_of(payment)) == ("expired", "expired", False)
    assert client.get(f"/buy/{listing.pk}/").status_code == 404


def test_terms_that_never_stand_still_are_given_up_politely(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()

    with pytest.raises(TermsChangedError, match="look again"):
        services.start_checkout(
            buyer=ada,
            wishes=[Wish(listing_id=listing.pk, seen="something else")],
            site="http://shop.test",
            language="ko",
            now=timezone.now(),
        )

    assert Payment.objects.count() == 0
