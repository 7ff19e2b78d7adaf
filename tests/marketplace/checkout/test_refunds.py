from __future__ import annotations

import datetime as dt

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.accounts.models import User
from marketplace.checkout import services
from marketplace.core.money import Money
from marketplace.licensing.models import EntitlementEvent
from marketplace.orders.models import Order
from marketplace.payments.errors import PaymentsUnavailableError
from marketplace.payments.models import Refund
from tests.marketplace.checkout.shopping import (
    begin,
    bought,
    client_of,
    deliver,
    order_of,
    payment_of,
    press,
    reprice,
    settle,
    snapshot,
)
from tests.marketplace.stripe_fixtures import REFUND_FAILS, REFUND_PENDING, Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)
DONE = ("refunded", "refunded", False)
STANDS = ("paid", "succeeded", True)


def refund(order: Order, by: User) -> Order:
    return services.refund_order(order_id=order.pk, by=by, reason="broken", now=timezone.now())


def refunds_at_stripe(stripe: Emulator, order: Order) -> list[tuple[int, str | None]]:
    intent = payment_of(order).payment_intent_id
    assert intent
    return [(r.amount, r.status) for r in stripe.sdk.v1.refunds.list({"payment_intent": intent})]


def test_the_seller_gives_the_money_back_from_the_list_of_sales(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client = client_of(listing.seller)

    listed = client.get("/studio/sales/").content.decode()
    asked = client.get(f"/studio/sales/{order.pk}/refund/").content.decode()
    pressed = client.post(f"/studio/sales/{order.pk}/refund/", {"reason": "broken"}, follow=True)

    assert order.number in listed
    assert ada.email not in listed
    assert "Give the money back?" in asked
    assert f"{order.number} is refunded: ₩9,900 went back" in pressed.content.decode()
    assert snapshot(ada, listing, order) == DONE
    assert refunds_at_stripe(stripe, order) == [(9_900, "succeeded")]
    assert Refund.objects.get().reason == "broken"
    assert mail.outbox[-1].to == [ada.email]
    assert "Your access to it has ended" in mail.outbox[-1].body
    page = client_of(ada).get(f"/orders/{order.pk}/").content.decode()
    assert "Refunded" in page


def test_pressing_twice_refunds_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)

    first, second = refund(order, listing.seller), refund(order, listing.seller)

    assert (first.state, second.state) == ("refunded", "refunded")
    assert refunds_at_stripe(stripe, order) == [(9_900, "succeeded")]
    assert Refund.objects.count() == 1
    assert len([m for m in mail.outbox if m.subject.startswith("Refund")]) == 1


def test_the_operator_may_refund_any_and_a_stranger_none(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    operator = User.objects.create_user("op@example.org", "x", is_staff=True)

    for stranger in (ada, make_seller()):
        path = f"/studio/sales/{order.pk}/refund/"
        assert client_of(stranger).post(path, {"reason": ""}).status_code == 404
    untouched = snapshot(ada, listing, order)
    answered = client_of(operator).post(f"/studio/sales/{order.pk}/refund/", {"reason": ""})

    assert untouched == STANDS
    assert answered.status_code == 302
    assert snapshot(ada, listing, order) == DONE


def test_a_refund_made_at_stripe_revokes_when_it_is_full(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    intent = payment_of(order).payment_intent_id
    assert intent

    states = []
    for amount in (4_000, 5_900):
        stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": amount})
        [event] = stripe.events("charge.refunded", payment_intent=intent)[-1:]
        deliver(event)
        states.append(snapshot(ada, listing, order))
        order.refresh_from_db()

    assert states == [STANDS, DONE]
    assert sorted(r.amount_minor for r in Refund.objects.all()) == [4_000, 5_900]


def test_after_a_part_went_back_the_rest_is_refunded(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    intent = payment_of(order).payment_intent_id
    assert intent
    stripe.sdk.v1.refunds.create({"payment_intent": intent, "amount": 4_000})

    refund(order, listing.seller)

    assert snapshot(ada, listing, order) == DONE
    assert sorted(refunds_at_stripe(stripe, order)) == [(4_000, "succeeded"), (5_900, "succeeded")]


def test_a_refund_that_comes_back_goes_before_an_order_that_nobody_has_paid(
    stripe: Emulator,
) -> None:
    """Else the buyer would have neither money nor goods until the open page ends."""
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_FAILS)
    refund(order, listing.seller)
    newer = order_of(begin(ada, listing))
    stripe_id = Refund.objects.get().stripe_id
    stripe.hook(f"settle/{stripe_id}", succeeds=False)
    [event] = stripe.events("refund.failed", id=stripe_id or "")

    deliver(event)

    newer.refresh_from_db()
    assert newer.state == "expired"
    assert snapshot(ada, listing, order) == STANDS


def test_a_pending_refund_leaves_access_until_it_is_through(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_PENDING)
    client = client_of(listing.seller)

    said = client.post(f"/studio/sales/{order.pk}/refund/", {"reason": ""}, follow=True)
    again = refund(order, listing.seller)
    between = snapshot(ada, listing, order)
    stripe_id = Refund.objects.get().stripe_id
    stripe.hook(f"settle/{stripe_id}", succeeds=True)
    [event] = stripe.events("refund.updated", id=stripe_id or "")
    deliver(event)

    assert "is on its way" in said.content.decode()
    assert again.state == "paid"
    assert between == STANDS
    assert snapshot(ada, listing, order) == DONE
    assert Refund.objects.count() == 1


def test_a_pending_refund_that_fails_revokes_nothing_and_says_so(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_PENDING)
    refund(order, listing.seller)
    stripe_id = Refund.objects.get().stripe_id
    stripe.hook(f"settle/{stripe_id}", succeeds=False)
    [event] = stripe.events("refund.failed", id=stripe_id or "")

    deliver(event)

    assert snapshot(ada, listing, order) == STANDS
    assert Refund.objects.get().failure == "expired_or_canceled_card"
    assert "Refund failed" in client_of(listing.seller).get("/studio/sales/").content.decode()
    page = client_of(listing.seller).get(f"/studio/sales/{order.pk}/refund/").content.decode()
    assert "An earlier refund of this order failed" in page
    assert "came back from your bank" in client_of(ada).get(f"/orders/{order.pk}/").content.decode()


def test_a_refund_that_comes_back_restores_access(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing, card=REFUND_FAILS)
    refund(order, listing.seller)
    gone = snapshot(ada, listing, order)
    stripe_id = Refund.objects.get().stripe_id
    stripe.hook(f"settle/{stripe_id}", succeeds=False)
    [event] = stripe.events("refund.failed", id=stripe_id or "")

    for _ in range(2):
        deliver({**event, "id": f"{event['id']}{_}"})

    assert gone == DONE
    assert snapshot(ada, listing, order) == STANDS
    assert [e.kind for e in EntitlementEvent.objects.all()] == ["granted", "refunded", "restored"]
    assert len([m for m in mail.outbox if "came back" in m.subject]) == 1
    # An old event about the refund while it looked good changes nothing any more.
    [created] = stripe.events("refund.created", id=stripe_id or "")
    deliver(created)
    assert snapshot(ada, listing, order) == STANDS


def test_bought_anew_after_a_refund_that_failed_is_charged_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    old = bought(stripe, ada, listing, card=REFUND_FAILS)
    refund(old, listing.seller)
    stripe_id = Refund.objects.get().stripe_id
    new = bought(stripe, ada, listing)
    stripe.hook(f"settle/{stripe_id}", succeeds=False)
    [event] = stripe.events("refund.failed", id=stripe_id or "")

    answer = deliver(event)

    assert answer.status_code == 200
    old.refresh_from_db()
    new.refresh_from_db()
    assert new.state == "refunded"
    assert snapshot(ada, listing, old) == STANDS
    # Where that one fails, too, nothing goes round and round: a person has to look.
    second = Refund.objects.exclude(stripe_id=stripe_id).get()
    stripe.hook(f"settle/{second.stripe_id}", succeeds=False)
    [event] = stripe.events("refund.failed", id=second.stripe_id or "")
    assert deliver(event).status_code == 200
    assert snapshot(ada, listing, old) == STANDS
    assert Refund.objects.count() == 2


def test_while_stripe_is_away_the_refund_is_kept_and_made_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client = client_of(listing.seller)
    stripe.hook("fail_next", count=3, status=500, when="after", verb="POST", path="/v1/refunds")

    # The refund is made, and its answer is lost three times.
    with pytest.raises(PaymentsUnavailableError):
        refund(order, listing.seller)
    between = snapshot(ada, listing, order)
    page = client.get(f"/studio/sales/{order.pk}/refund/").content.decode()
    services.reconcile(now=timezone.now())

    assert between == STANDS
    assert "on its way already" in page
    assert snapshot(ada, listing, order) == DONE
    assert refunds_at_stripe(stripe, order) == [(9_900, "succeeded")]
    assert Refund.objects.count() == 1


def test_a_refund_that_stripe_refuses_is_said_and_changes_nothing(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client = client_of(listing.seller)
    stripe.hook("fail_next", count=1, status=400, verb="POST", path="/v1/refunds")

    answered = client.post(f"/studio/sales/{order.pk}/refund/", {"reason": ""})
    refused = snapshot(ada, listing, order)
    anew = client.post(f"/studio/sales/{order.pk}/refund/", {"reason": ""})

    assert answered.status_code == 409
    assert "Stripe refused" in answered.content.decode()
    assert "access is unchanged" in answered.content.decode()
    assert refused == STANDS
    assert anew.status_code == 302
    assert snapshot(ada, listing, order) == DONE
    assert sorted(r.state for r in Refund.objects.all()) == ["failed", "succeeded"]


def test_the_same_page_pressed_again_after_a_refusal_refunds_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    client, path = client_of(listing.seller), f"/studio/sales/{order.pk}/refund/"
    form = {
        "amount": "₩1,000",
        "reason": "",
        "key": client.get(path).context["form"]["key"].value(),
    }
    stripe.hook("fail_next", count=2, status=400, verb="POST", path="/v1/refunds")

    answers = [client.post(path, form).status_code for _press in range(4)]

    assert answers == [409, 409, 302, 302]
    order.refresh_from_db()
    assert order.refunded_minor == 1_000
    assert sorted(r.state for r in Refund.objects.all()) == ["failed", "failed", "succeeded"]


def test_the_key_of_another_refund_is_none(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    first, second = bought(stripe, ada, listing), bought(stripe, make_person("eve"), listing)
    refund(first, listing.seller)
    client, path = client_of(listing.seller), f"/studio/sales/{second.pk}/refund/"

    answer = client.post(path, {"amount": "₩1,000", "key": str(Refund.objects.get().pk)})

    assert answer.status_code == 302
    assert payment_of(second).refunds.get().amount_minor == 1_000


def test_what_was_free_or_not_paid_has_no_refund(stripe: Emulator) -> None:
    ada, bob, free, dear = make_person("ada"), make_person("bob"), sell(), sell()
    reprice(free, 0)
    press(client_of(ada), free)
    begin(bob, dear)
    given, pending = Order.objects.get(listing=free), Order.objects.get(listing=dear)

    for order, sentence in ((given, "This was free"), (pending, "was not paid")):
        client = client_of(order.listing.seller)
        for method in (client.get, client.post):
            page = method(f"/studio/sales/{order.pk}/refund/", follow=True).content.decode()
            assert sentence in page
    assert Refund.objects.count() == 0


def test_paid_too_late_without_another_order_it_is_theirs(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    payment = begin(ada, listing)
    Order.objects.update(state="expired")
    stripe.pay(payment.checkout_url)

    order = settle(payment)

    assert snapshot(ada, listing, order) == STANDS


@pytest.mark.parametrize("other", ["pending", "paid"])
def test_paid_too_late_besides_another_order_the_money_goes_back(
    stripe: Emulator, other: str
) -> None:
    ada, listing = make_person(), sell()
    late = begin(ada, listing)
    Order.objects.update(state="expired")
    second = begin(ada, listing)
    if other == "paid":
        stripe.pay(second.checkout_url)
        settle(second)
    stripe.pay(late.checkout_url)

    for _ in range(2):
        settle(late)

    late_order = order_of(late)
    assert (late_order.state, payment_of(late_order).state) == ("refunded", "refunded")
    assert refunds_at_stripe(stripe, late_order) == [(9_900, "succeeded")]
    assert order_of(second).state == other
    assert EntitlementEvent.objects.count() == (1 if other == "paid" else 0)
    refunded = [m for m in mail.outbox if m.subject.startswith("Refund")]
    assert len(refunded) == 1
    assert "Your other order is not touched" in refunded[0].body


def test_late_money_whose_refund_is_slow_is_not_refunded_twice(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    late = begin(ada, listing)
    Order.objects.update(state="expired")
    begin(ada, listing)
    stripe.pay(late.checkout_url, REFUND_PENDING)
    for _ in range(3):
        settle(late)
    [row] = Refund.objects.all()
    stripe.hook(f"settle/{row.stripe_id}", succeeds=True)

    services.reconcile(now=timezone.now())

    assert order_of(late).state == "refunded"
    assert Refund.objects.count() == 1


def test_the_sales_are_the_sellers_own(stripe: Emulator) -> None:
    ada, mine, other = make_person(), sell(), sell()
    order = bought(stripe, ada, mine)

    page = client_of(other.seller).get("/studio/sales/").content.decode()

    assert order.number not in page
    assert "Nothing sold yet" in page


def test_a_refund_whose_answer_was_lost_days_ago_is_not_made_again(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    stripe.hook("fail_next", count=3, status=500, path="/v1/refunds", verb="POST", when="before")
    with pytest.raises(PaymentsUnavailableError):
        services.refund_order(
            order_id=order.pk,
            by=order.listing.seller,
            reason="",
            amount=Money(3_000, "KRW"),
            now=timezone.now(),
        )
    [row] = Refund.objects.all()
    # It was made after all, with a key that Stripe has forgotten by now.
    stripe.sdk.v1.refunds.create(
        {
            "payment_intent": payment_of(order).payment_intent_id or "",
            "amount": 3_000,
            "metadata": {"refund": str(row.pk)},
        }
    )
    Refund.objects.update(created_at=timezone.now() - dt.timedelta(days=2))

    services.reconcile(now=timezone.now())

    row.refresh_from_db()
    assert row.state == "succeeded"
    assert refunds_at_stripe(stripe, order) == [(3_000, "succeeded")]
