"""Windows that fill one cart and pay it at once: on SQLite here, on PostgreSQL by the marker."""

from __future__ import annotations

import pytest
from django.utils import timezone

from marketplace.checkout import services
from marketplace.checkout.carting import UserCart, wish_for
from marketplace.checkout.sums import Extras
from marketplace.core.errors import MarketplaceError
from marketplace.licensing.queries import owns
from marketplace.orders.models import CartItem, Order
from marketplace.payments.models import Payment
from tests.marketplace.checkout.filling import in_cart
from tests.marketplace.checkout.shopping import begin
from tests.marketplace.rivals import RIVALS, at_once
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, sell

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.race]


def test_windows_that_add_one_thing_leave_one() -> None:
    ada, listing = make_person(), sell()
    now = timezone.now()

    at_once(lambda _: UserCart(ada).put(wish_for(listing, "", now=now), now=now))

    assert in_cart(ada) == [listing]


def test_no_window_brings_back_what_is_paid_in_this_moment(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    assert stripe.pay(payment.checkout_url).status_code == 303
    now = timezone.now()

    def act(number: int) -> str:
        if number == 0:
            services.settle_bill(bill_id=payment.bill_id, now=timezone.now())
            return "settled"
        try:
            UserCart(ada).put(wish_for(listing, "", now=now), now=now)
        except MarketplaceError as error:
            return error.code
        return "added"

    told = at_once(act)

    assert set(told) <= {"settled", "added", "already_owned"}
    assert owns(ada, listing.pk)
    assert CartItem.objects.count() == 0


def test_windows_that_pay_one_cart_open_one_payment(stripe: Emulator) -> None:
    ada, listing, other = make_person(), sell(), sell(title="낮의 노래")
    now = timezone.now()
    for one in (listing, other):
        UserCart(ada).put(wish_for(one, "", now=now), now=now)
    lines = UserCart(ada).look(now=now).payments[0].lines
    shown = {str(line.item.pk): line.shown for line in lines}

    def pay(_: int) -> str | None:
        return services.pay_cart(
            buyer=ada,
            currency="KRW",
            shown=shown,
            extras=Extras(),
            site="http://shop.test",
            language="en",
            now=timezone.now(),
        ).pay_url

    assert len(set(at_once(pay))) == 1
    assert (Order.objects.count(), Payment.objects.count()) == (2, 1)
    assert len(shown) == 2 < RIVALS
