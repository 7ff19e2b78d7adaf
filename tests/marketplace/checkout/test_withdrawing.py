"""A buyer withdraws by law from what no device has fetched."""

from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone
from pytest_django import Settings

from marketplace.accounts.models import Device
from marketplace.checkout.services import refund_order
from marketplace.checkout.withdrawing import may_withdraw, withdraw_order
from marketplace.core.errors import ConflictError
from marketplace.core.money import Money
from marketplace.licensing import queries, services
from marketplace.licensing.models import Entitlement, EntitlementEvent
from marketplace.orders.errors import OrderNotFoundError
from marketplace.orders.models import Order
from marketplace.payments.errors import PaymentsUnavailableError
from marketplace.payments.models import Refund
from tests.marketplace.checkout.shopping import bought, client_of, payment_of, reprice, settle
from tests.marketplace.stripe_fixtures import REFUND_FAILS, REFUND_PENDING, Emulator
from tests.marketplace.trade import log_in_device, make_person, sell

pytestmark = pytest.mark.django_db(transaction=True)


def _kinds() -> list[str]:
    return list(EntitlementEvent.objects.order_by("id").values_list("kind", flat=True))


def test_who_has_not_fetched_it_withdraws_and_gets_all_back(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client, path = client_of(ada), f"/orders/{order.pk}/withdraw/"
    page = client.get(f"/orders/{order.pk}/").content.decode()
    asked = client.get(path).content.decode()

    pressed = client.post(path, follow=True).content.decode()
    again = client.post(path, follow=True)

    assert f'href="{path}"' in page
    assert "You may withdraw until" in asked
    assert "You have withdrawn. Your money is on its way back." in pressed
    assert again.status_code == 200
    order.refresh_from_db()
    assert (order.state, order.refunded_minor) == ("refunded", 9_900)
    assert Refund.objects.get().amount_minor == 9_900
    assert not queries.owns(ada, listing.pk)
    assert _kinds() == ["granted", "withdrawn", "refunded"]
    assert mail.outbox[-1].to == [ada.email]
    [shown] = queries.library_of(ada)
    assert shown.ended_by == "withdrawn"
    assert "You withdrew from the purchase on" in client.get("/library/").content.decode()


def test_what_a_device_has_fetched_is_not_withdrawn_from(stripe: Emulator) -> None:
    ada = make_person()
    order = bought(stripe, ada, sell())
    device = Device.objects.get(thumbprint=log_in_device(ada).identity.public.thumbprint)
    now = timezone.now()
    services.licence_for(user=ada, device=device, package_id=order.package_id, now=now)
    client, path = client_of(ada), f"/orders/{order.pk}/withdraw/"

    page = client.get(f"/orders/{order.pk}/").content.decode()
    pressed = client.post(path, follow=True).content.decode()

    assert "withdraw/" not in page
    assert client.get(path).status_code == 302
    assert "This was fetched to a device" in pressed
    assert (_kinds(), Refund.objects.count()) == (["granted"], 0)


@pytest.mark.parametrize("days", [0, 14])
def test_the_days_end(stripe: Emulator, settings: Settings, days: int) -> None:
    settings.WITHDRAWAL_DAYS = days
    ada = make_person()
    order = bought(stripe, ada, sell())
    assert order.paid_at is not None
    over = order.paid_at + dt.timedelta(days=days)

    with pytest.raises(ConflictError):
        withdraw_order(order_id=order.pk, by=ada, now=over)

    assert not may_withdraw(order, now=over)
    assert may_withdraw(order, now=over - dt.timedelta(seconds=1)) == (days > 0)
    assert _kinds() == ["granted"]


def test_it_is_the_buyers_alone_and_what_was_free_is_not_paid_back(stripe: Emulator) -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell()
    order = bought(stripe, ada, listing)

    for other in (eve, listing.seller):
        with pytest.raises(OrderNotFoundError):
            withdraw_order(order_id=order.pk, by=other, now=timezone.now())
    free = sell()
    reprice(free, 0)
    client_of(eve).post(
        f"/buy/{free.pk}/", {"seen": client_of(eve).get(f"/buy/{free.pk}/").context["seen"]}
    )
    given = Order.objects.get(buyer=eve)

    assert given.state == "paid"
    assert not may_withdraw(given, now=timezone.now())


def test_while_stripe_is_away_it_ends_at_once_and_the_money_follows(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("fail_next", count=3, status=500, when="before", verb="POST", path="/v1/refunds")

    withdraw_order(order_id=order.pk, by=ada, now=timezone.now())
    waiting = Order.objects.get()
    withdraw_order(order_id=order.pk, by=ada, now=timezone.now())

    assert waiting.state == "paid"
    assert Order.objects.get().state == "refunded"
    assert Refund.objects.count() == 1
    assert _kinds() == ["granted", "withdrawn", "refunded"]


def test_a_refund_that_the_bank_returns_gives_it_back(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_FAILS)
    withdraw_order(order_id=order.pk, by=ada, now=timezone.now())
    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=False)

    settle(payment_of(order))

    assert Entitlement.objects.get().state == "active"
    assert Order.objects.get().state == "paid"
    assert queries.owns(ada, listing.pk)


def test_a_slow_refund_that_fails_gives_it_back(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_PENDING)
    withdraw_order(order_id=order.pk, by=ada, now=timezone.now())
    assert not queries.owns(ada, listing.pk)
    stripe.hook(f"settle/{Refund.objects.get().stripe_id}", succeeds=False)

    for _ in range(2):
        settle(payment_of(order))

    assert Order.objects.get().state == "paid"
    assert queries.owns(ada, listing.pk)
    assert _kinds() == ["granted", "withdrawn", "restored"]


def test_a_part_that_waits_to_be_sent_back_does_not_stand_for_all(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("fail_next", count=3, status=500, when="before", verb="POST", path="/v1/refunds")
    with pytest.raises(PaymentsUnavailableError):
        refund_order(
            order_id=order.pk,
            by=listing.seller,
            reason="",
            amount=Money(1_000, "KRW"),
            now=timezone.now(),
        )

    withdraw_order(order_id=order.pk, by=ada, now=timezone.now())

    order.refresh_from_db()
    assert (order.state, order.refunded_minor) == ("refunded", order.price_minor)
    assert sorted(refund.amount_minor for refund in Refund.objects.all()) == [1_000, 8_900]
