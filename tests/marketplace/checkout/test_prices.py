"""Open prices, sales, editions and bundles, from the page to the paid order."""

from __future__ import annotations

import datetime as dt
import re
from typing import cast

import pytest
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone

from marketplace.accounts.models import Device, User
from marketplace.catalog import queries as catalog_queries
from marketplace.catalog import services as catalog
from marketplace.catalog.models import Bundle, EditionCopy, Listing, SalePeriod
from marketplace.catalog.types import BundleDetails
from marketplace.checkout import services
from marketplace.checkout.errors import TermsChangedError
from marketplace.checkout.types import Wish
from marketplace.checkout.withdrawing import may_withdraw
from marketplace.core.fees import platform_fee
from marketplace.core.money import Money
from marketplace.licensing import services as licensing
from marketplace.licensing.queries import owns
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment, Refund
from tests.marketplace.checkout.shopping import client_of, payment_of, press, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import log_in_device, make_person, make_seller, sell

pytestmark = pytest.mark.django_db


@pytest.fixture
def ada() -> User:
    return make_person("ada")


def _open_priced(floor: int = 3_000, suggested: int | None = 5_000) -> Listing:
    listing = sell()
    Listing.objects.filter(pk=listing.pk).update(
        pricing="open", price_minor=floor, suggested_minor=suggested
    )
    listing.refresh_from_db()
    return listing


def _on_sale(listing: Listing, minor: int) -> SalePeriod:
    now = timezone.now()
    return SalePeriod.objects.create(
        listing=listing,
        price_minor=minor,
        currency="KRW",
        starts_at=now - dt.timedelta(hours=1),
        ends_at=now + dt.timedelta(hours=1),
        zone="Asia/Seoul",
    )


def _offer(client: Client, listing: Listing, amount: str) -> HttpResponse:
    page = client.get(f"/buy/{listing.pk}/").content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen is not None
    form = {"seen": seen[1], "amount": amount}
    return cast("HttpResponse", client.post(f"/buy/{listing.pk}/", form))


def _bundle(seller: User, listings: list[Listing], price: int) -> Bundle:
    details = BundleDetails(
        title="Both",
        description="",
        price=Money(price, "KRW"),
        listing_ids=tuple(listing.pk for listing in listings),
    )
    bundle = catalog.create_bundle(seller=seller, details=details)
    return catalog.publish_bundle(bundle_id=bundle.pk, seller=seller, now=timezone.now())


def _press_bundle(client: Client, bundle: Bundle) -> HttpResponse:
    page = client.get(f"/bundles/{bundle.pk}/").content.decode()
    form = {
        name: re.findall(f'name="{name}" value="([^"]*)"', page) for name in ("listing", "seen")
    }
    return cast("HttpResponse", client.post(f"/bundles/{bundle.pk}/buy/", form))


def test_a_buyer_pays_what_they_chose(stripe: Emulator, ada: User) -> None:
    listing = _open_priced()

    answer = _offer(client_of(ada), listing, "7,500원")
    stripe.pay(answer.headers["Location"])
    order = settle(Payment.objects.get())

    assert (order.state, order.price) == ("paid", Money(7_500, "KRW"))
    assert payment_of(order).amount_minor == 7_500
    assert order.fee_minor == platform_fee(order.price).minor == 750
    assert owns(ada, listing.pk)


@pytest.mark.parametrize("amount", ["2,999", "99", "free", "-5", "$5", "1.500"])
def test_an_offer_that_is_too_small_or_none_is_told_at_its_field(
    stripe: Emulator, ada: User, amount: str
) -> None:
    listing = _open_priced(suggested=None)

    answer = _offer(client_of(ada), listing, amount)

    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.content.decode()
    assert not Order.objects.exists()


def test_another_offer_closes_the_page_of_the_first(stripe: Emulator, ada: User) -> None:
    listing, client = _open_priced(), client_of(ada)
    first = _offer(client, listing, "4000").headers["Location"]

    second = _offer(client, listing, "6000").headers["Location"]

    assert first != second
    assert sorted(Order.objects.values_list("price_minor", "state")) == [
        (4_000, "expired"),
        (6_000, "pending"),
    ]


def test_nothing_is_a_price_where_the_seller_allows_it(stripe: Emulator, ada: User) -> None:
    listing = _open_priced(floor=0, suggested=None)

    _offer(client_of(ada), listing, "0")

    assert Order.objects.get().state == "paid"
    assert owns(ada, listing.pk)
    assert not Payment.objects.exists()


def test_a_sale_price_is_paid_and_kept(stripe: Emulator, ada: User) -> None:
    listing = sell()
    sale = _on_sale(listing, 5_000)

    answer = press(client_of(ada), listing)
    sale.delete()  # it ends while the hosted page is open
    stripe.pay(answer.headers["Location"])
    order = settle(Payment.objects.get())

    assert (order.state, order.price) == ("paid", Money(5_000, "KRW"))


def test_a_sale_that_ended_while_the_page_was_open_is_said(stripe: Emulator, ada: User) -> None:
    listing, client = sell(), client_of(ada)
    sale = _on_sale(listing, 5_000)
    page = client.get(f"/buy/{listing.pk}/").content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen is not None
    sale.delete()

    answer = press(client, listing, seen=seen[1])

    assert answer.status_code == 409
    assert "₩9,900" in answer.content.decode()
    assert not Order.objects.exists()


def test_a_bundle_is_paid_at_once_and_opens_one_by_one(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    listings = [sell(seller, title="one"), sell(seller, title="two")]
    bundle = _bundle(seller, listings, 15_001)

    answer = _press_bundle(client_of(ada), bundle)
    stripe.pay(answer.headers["Location"])
    services.settle_bill(bill_id=Bill.objects.get().pk, now=timezone.now())

    orders = Order.objects.order_by("-price_minor")
    assert [order.price_minor for order in orders] == [7_501, 7_500]
    assert {order.bundle_id for order in orders} == {bundle.pk}
    assert {order.state for order in orders} == {"paid"}
    assert Payment.objects.get().amount_minor == 15_001
    assert all(owns(ada, listing.pk) for listing in listings)


def test_what_is_owned_is_taken_off_a_bundle(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    listings = [sell(seller, title="one"), sell(seller, title="two")]
    bundle = _bundle(seller, listings, 15_000)
    first = press(client_of(ada), listings[0])
    stripe.pay(first.headers["Location"])
    settle(Payment.objects.get())

    answer = _press_bundle(client_of(ada), bundle)

    stripe.pay(answer.headers["Location"])
    order = settle(Payment.objects.exclude(state="succeeded").get())
    assert (order.listing, order.price_minor, order.state) == (listings[1], 7_500, "paid")


def test_what_is_borrowed_is_not_taken_off_a_bundle(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    listings = [sell(seller, title="one"), sell(seller, title="two")]
    bundle = _bundle(seller, listings, 15_000)
    lent = licensing.grant(
        user=ada,
        listing_id=listings[0].pk,
        package_id=listings[0].package_id or "",
        order_id=None,
        source="loan:1",
        rights={"play": True, "save": False},
        kind="loan",
        expires_at=timezone.now() + dt.timedelta(days=3),
        now=timezone.now(),
    )

    _press_bundle(client_of(ada), bundle)

    assert owns(ada, lent.listing_id)
    assert Payment.objects.get().amount_minor == 15_000


def test_nobody_picks_one_thing_out_of_a_bundle_at_its_share(ada: User) -> None:
    seller = make_seller()
    listings = [sell(seller, title="one"), sell(seller, title="two")]
    bundle = _bundle(seller, listings, 10_000)

    with pytest.raises(TermsChangedError):
        services.start_checkout(
            buyer=ada,
            wishes=[
                Wish(
                    listing_id=listings[0].pk,
                    seen=terms_of(listings[0]).token,
                    bundle_id=bundle.pk,
                )
            ],
            site="http://shop.test",
            language="en",
            now=timezone.now(),
        )

    assert not Order.objects.exists()


def test_nor_by_withdrawing_from_the_rest_of_it(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    bundle = _bundle(seller, [sell(seller, title=name) for name in ("하나", "둘")], 10_000)
    stripe.pay(_press_bundle(client_of(ada), bundle)["Location"])
    services.settle_bill(bill_id=Payment.objects.get().bill_id, now=timezone.now())
    kept, other = Order.objects.order_by("title")
    client = client_of(ada)

    page = client.get(f"/orders/{other.pk}/withdraw/").content.decode()
    client.post(f"/orders/{other.pk}/withdraw/")

    assert kept.title in page
    assert {order.state for order in Order.objects.all()} == {"refunded"}
    assert sum(refund.amount_minor for refund in Refund.objects.all()) == 10_000
    assert not owns(ada, kept.listing_id)


def test_a_bundle_of_which_a_part_was_fetched_is_kept_whole(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    bundle = _bundle(seller, [sell(seller, title=name) for name in ("하나", "둘")], 10_000)
    stripe.pay(_press_bundle(client_of(ada), bundle)["Location"])
    services.settle_bill(bill_id=Payment.objects.get().bill_id, now=timezone.now())
    fetched, other = Order.objects.order_by("title")
    device = Device.objects.get(thumbprint=log_in_device(ada).identity.public.thumbprint)
    now, package = timezone.now(), fetched.package_id
    licensing.licence_for(user=ada, device=device, package_id=package, now=now)

    client_of(ada).post(f"/orders/{other.pk}/withdraw/")

    assert not may_withdraw(other, now=timezone.now())
    assert {order.state for order in Order.objects.all()} == {"paid"}
    assert owns(ada, other.listing_id)


def test_a_bundle_that_changed_is_looked_at_again(stripe: Emulator, ada: User) -> None:
    seller = make_seller()
    listings = [sell(seller, title="one"), sell(seller, title="two")]
    bundle, client = _bundle(seller, listings, 10_000), client_of(ada)
    page = client.get(f"/bundles/{bundle.pk}/").content.decode()
    form = {
        name: re.findall(f'name="{name}" value="([^"]*)"', page) for name in ("listing", "seen")
    }
    Bundle.objects.filter(pk=bundle.pk).update(price_minor=12_000)

    answer = client.post(f"/bundles/{bundle.pk}/buy/", form)

    assert answer.status_code == 409
    assert "₩12,000" in answer.content.decode()
    assert not Order.objects.exists()


def test_the_last_copy_is_kept_while_it_is_paid_for_and_comes_back(
    stripe: Emulator, ada: User
) -> None:
    listing, eve = sell(), make_person("eve")
    Listing.objects.filter(pk=listing.pk).update(copies=1)
    first = press(client_of(ada), listing)

    page = client_of(eve).get(f"/buy/{listing.pk}/").content.decode()
    answer = press(client_of(eve), listing, seen=terms_of(listing).token)

    assert first.status_code == 302
    assert "Sold out" in page
    assert answer.status_code == 409
    assert Order.objects.get().buyer == ada
    session = Payment.objects.get().session_id
    assert session is not None
    stripe.sdk.v1.checkout.sessions.expire(session)
    settle(Payment.objects.get())
    assert catalog_queries.copies_left(Listing.objects.get()) == 1
    assert press(client_of(eve), listing).status_code == 302


def test_who_pays_too_late_for_the_last_copy_gets_the_money_back(
    stripe: Emulator, ada: User
) -> None:
    listing, eve = sell(), make_person("eve")
    Listing.objects.filter(pk=listing.pk).update(copies=1)
    press(client_of(ada), listing)
    late = Payment.objects.get()
    order = Order.objects.get()
    # As after a sweep that found nothing at Stripe: the order has ended, its page has not.
    Order.objects.update(state="expired")
    EditionCopy.objects.update(returned_at=timezone.now())
    other = press(client_of(eve), listing)
    stripe.pay(other.headers["Location"])
    settle(Payment.objects.exclude(pk=late.pk).get())

    stripe.pay(late.checkout_url)
    settle(late)

    order.refresh_from_db()
    assert order.state == "refunded"
    assert not owns(ada, listing.pk)
    assert owns(eve, listing.pk)


def test_a_refund_gives_the_copy_back(stripe: Emulator, ada: User) -> None:
    listing = sell()
    Listing.objects.filter(pk=listing.pk).update(copies=2)
    answer = press(client_of(ada), listing)
    stripe.pay(answer.headers["Location"])
    order = settle(Payment.objects.get())
    assert catalog_queries.copies_left(Listing.objects.get()) == 1

    services.refund_order(
        order_id=order.pk, by=listing.seller, reason="", amount=None, now=timezone.now()
    )

    assert catalog_queries.copies_left(Listing.objects.get()) == 2


def test_a_present_is_paid_at_what_its_giver_chose(stripe: Emulator, ada: User) -> None:
    listing, client = _open_priced(), client_of(ada)
    page = client.get(f"/gift/{listing.pk}/").content.decode()
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen is not None
    form = {"seen": seen[1], "address": "eve@example.org", "message": "", "pay": ""}

    low = client.post(f"/gift/{listing.pk}/", form | {"amount": "2000"})
    answer = client.post(f"/gift/{listing.pk}/", form | {"amount": "8000"})

    assert low.status_code == 422
    assert "The least price is ₩3,000" in low.content.decode()
    assert answer.status_code == 302
    order = Order.objects.get()
    assert (order.price_minor, order.recipient_email) == (8_000, "eve@example.org")
