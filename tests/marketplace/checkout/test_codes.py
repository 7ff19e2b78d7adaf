"""Discount codes from the buy page to the receipt, with the real emulator."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.checkout import consequences, services
from marketplace.checkout.types import Started, Wish
from marketplace.core.money import Money
from marketplace.discounts import services as discounts
from marketplace.discounts.errors import CodeUsedByYouError, CodeUsedUpError
from marketplace.discounts.models import Code, Redemption
from marketplace.discounts.types import CodeTerms
from marketplace.orders.models import Bill, Order
from marketplace.orders.queries import terms_of
from marketplace.payments.models import Payment
from tests.marketplace.checkout.shopping import client_of, order_of, payment_of, reprice, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db


def code_for(seller: User, **terms: Any) -> Code:
    now = timezone.now()
    if "amount" not in terms:
        terms.setdefault("percent", 10)
    terms = {"text": "BYEOL-2026", "starts_at": now - dt.timedelta(days=1), **terms}
    return discounts.create_code(seller=seller, terms=CodeTerms(**terms), now=now)


def start(user: User, *listings: Listing, code: str = "byeol2026", **more: Any) -> Started:
    return services.start_checkout(
        buyer=user,
        wishes=[Wish(listing_id=one.pk, seen=terms_of(one).token) for one in listings],
        code=code,
        site="http://shop.test",
        language="en",
        now=timezone.now(),
        **more,
    )


def payment_for(started: Started) -> Payment:
    return Payment.objects.get(bill_id=started.bill.pk)


def states() -> list[str]:
    return sorted(Redemption.objects.values_list("state", flat=True))


def test_a_code_is_reserved_used_and_on_the_order(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller)

    payment = payment_for(start(ada, listing))

    order = order_of(payment)
    assert (order.list_minor, order.discount_minor, order.price_minor) == (9_900, 990, 8_910)
    assert (payment.amount_minor, order.bill.code, states()) == (8_910, "BYEOL-2026", ["reserved"])

    stripe.pay(payment.checkout_url)

    assert settle(payment).state == "paid"
    assert states() == ["used"]


def test_pressed_twice_it_is_one_bill_and_one_use(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller, total_limit=1)

    first, second = start(ada, listing), start(ada, listing)

    assert first.pay_url == second.pay_url
    assert (Bill.objects.count(), states()) == (1, ["reserved"])


def test_another_code_or_none_closes_the_page_and_frees_the_use(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller, total_limit=1)
    old = payment_for(start(ada, listing))

    plain = payment_for(start(ada, listing, code=""))

    old.refresh_from_db()
    assert (old.state, order_of(old).state, states()) == ("expired", "expired", ["released"])
    assert plain.amount_minor == 9_900
    assert payment_for(start(ada, listing)).amount_minor == 8_910
    assert states() == ["released", "reserved"]


def test_a_page_that_expired_frees_its_use(stripe: Emulator) -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell()
    code_for(listing.seller, total_limit=1)
    payment = payment_for(start(ada, listing))
    with pytest.raises(CodeUsedUpError):
        start(eve, listing)
    assert Bill.objects.count() == 1

    stripe.sdk.v1.checkout.sessions.expire(payment.session_id or "")
    settle(payment)

    assert states() == ["released"]
    assert payment_for(start(eve, listing)).amount_minor == 8_910


def test_paid_after_it_expired_the_agreed_price_stands(stripe: Emulator) -> None:
    """Our row says expired, the use went to eve, and then Stripe says that ada has paid."""
    ada, eve, listing = make_person(), make_person("eve"), sell()
    code_for(listing.seller, total_limit=1)
    payment = payment_for(start(ada, listing))
    stripe.pay(payment.checkout_url)
    Payment.objects.filter(pk=payment.pk).update(state="expired")
    consequences.expire(order_of(payment).bill, now=timezone.now())
    start(eve, listing)

    order = settle(payment)

    assert (order.state, order.price_minor) == ("paid", 8_910)
    assert states() == ["reserved", "used"]


def test_a_refund_gives_back_what_was_paid_and_no_use(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller)
    payment = payment_for(start(ada, listing))
    stripe.pay(payment.checkout_url)
    order = settle(payment)

    order = services.refund_order(
        order_id=order.pk, by=listing.seller, reason="", now=timezone.now()
    )

    assert (order.state, order.refunded_minor) == ("refunded", 8_910)
    assert [r.amount_minor for r in payment_of(order).refunds.all()] == [8_910]
    assert states() == ["used"]
    with pytest.raises(CodeUsedByYouError):
        start(ada, listing)


def test_all_of_the_price_taken_off_is_given_without_stripe(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller, percent=100)

    started = start(ada, listing)

    assert started.pay_url is None
    order = Order.objects.get()
    assert (order.state, order.price_minor, order.discount_minor) == ("paid", 0, 9_900)
    assert (Payment.objects.count(), states()) == (0, ["used"])


def test_an_amount_is_shared_among_the_orders_of_a_bill(stripe: Emulator) -> None:
    ada, seller = make_person(), make_seller()
    one, two = sell(seller), sell(seller, title="다른 노래")
    other = sell(title="남의 노래")
    reprice(two, 5_000)
    code_for(seller, amount=Money(1_000, "KRW"))

    payment = payment_for(start(ada, other, one, two))

    found = {o.listing_id: o.discount_minor for o in Order.objects.all()}
    assert found == {one.pk: 664, two.pk: 336, other.pk: 0}
    assert payment.amount_minor == 9_900 + 9_900 + 5_000 - 1_000
    stripe.pay(payment.checkout_url)
    services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
    assert {o.state for o in Order.objects.all()} == {"paid"}
    assert states() == ["used"]


def test_a_code_that_ended_meanwhile_opens_no_bill(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code = code_for(listing.seller)
    discounts.end_code(code_id=code.pk, seller=listing.seller, now=timezone.now())
    client = client_of(ada)

    answer = client.post(
        f"/buy/{listing.pk}/", {"seen": terms_of(listing).token, "code": "BYEOL-2026"}
    )

    assert answer.status_code == 409
    assert "has ended" in answer.content.decode()
    assert (Bill.objects.count(), Redemption.objects.count()) == (0, 0)


def test_the_page_shows_what_the_code_takes_off_and_pays_that(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller)
    client, page = client_of(ada), f"/buy/{listing.pk}/"

    applied = client.post(page, {"code": " byeol 2026 ", "apply": "1", "seen": "old"})
    assert (applied.status_code, applied["Location"]) == (302, f"{page}?code=byeol+2026")
    assert Bill.objects.count() == 0
    shown = client.get(applied["Location"]).content.decode()
    assert "Code BYEOL-2026" in shown
    assert "−₩990" in shown
    assert "₩8,910" in shown

    answer = client.post(page, {"code": "byeol 2026", "seen": terms_of(listing).token})

    assert answer.status_code == 302
    assert Payment.objects.get().amount_minor == 8_910


def test_a_code_that_nobody_made_is_said_at_its_field(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    client, page = client_of(ada), f"/buy/{listing.pk}/"

    shown = client.get(f"{page}?code=NOBODY").content.decode()

    assert "We do not know the code “NOBODY”." in shown
    assert "₩9,900" in shown
    answer = client.post(page, {"code": "NOBODY", "seen": terms_of(listing).token})
    assert answer.status_code == 409
    assert Bill.objects.count() == 0


def test_whoever_tries_many_codes_waits_and_can_still_buy(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    code_for(listing.seller)
    client, page = client_of(ada), f"/buy/{listing.pk}/"
    for number in range(20):
        client.get(f"{page}?code=GUESS{number}")

    shown = client.get(f"{page}?code=BYEOL2026").content.decode()

    assert "You have tried many codes." in shown
    assert "−₩990" not in shown
    seen = terms_of(listing).token
    assert client.post(page, {"code": "BYEOL2026", "seen": seen}).status_code == 409
    assert client.post(page, {"seen": seen}).status_code == 302
    other = client_of(make_person("eve")).get(f"{page}?code=BYEOL2026").content.decode()
    assert "−₩990" in other


def test_what_is_free_asks_for_no_code(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    reprice(listing, 0)

    assert 'name="code"' not in client_of(ada).get(f"/buy/{listing.pk}/").content.decode()
