"""A buyer's bank takes the money back: what becomes of order, access and money."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from django.core import mail
from django.utils import timezone

from marketplace.checkout import services
from marketplace.checkout.errors import RefundNotPossibleError
from marketplace.checkout.types import Wish
from marketplace.ledger.services import faults
from marketplace.licensing.models import Entitlement
from marketplace.licensing.queries import may_review
from marketplace.orders.models import Order
from marketplace.orders.queries import terms_of
from marketplace.payments import queries as payment_queries
from marketplace.payments.errors import PaymentsUnavailableError
from marketplace.payments.models import Dispute, Movement, Payment
from tests.marketplace.checkout.disputing import (
    charge_of,
    deliver_all,
    dispute_events,
    follow,
    open_dispute,
    operator,
)
from tests.marketplace.checkout.shopping import bought, client_of, deliver, payment_of, settle
from tests.marketplace.stripe_fixtures import Emulator
from tests.marketplace.trade import make_person, make_seller, sell

pytestmark = pytest.mark.django_db(transaction=True)


def standing(order: Order) -> tuple[str, str]:
    order.refresh_from_db()
    return order.state, Entitlement.objects.get(order_id=order.pk).state


def test_a_dispute_suspends_what_was_bought(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    boss = operator()
    mail.outbox.clear()

    dispute = open_dispute(stripe, order, reason="product_not_received")

    assert standing(order) == ("paid", "suspended")
    assert not may_review(ada, listing.pk)
    assert (dispute.status, dispute.reason) == ("needs_response", "product_not_received")
    assert (dispute.amount_minor, dispute.currency) == (9_900, "KRW")
    assert dispute.is_refundable is False
    taken = Movement.objects.get()
    assert (taken.amount_minor, taken.fee_minor) == (-9_900, 15_000)
    told = {message.to[0]: message for message in mail.outbox}
    assert told.keys() == {ada.email, listing.seller.email, boss.email}
    assert f"/studio/disputes/{dispute.pk}/" in told[listing.seller.email].body
    assert ada.email not in told[listing.seller.email].body
    assert "your bank questions the payment" in told[ada.email].subject


@pytest.mark.parametrize(
    ("verb", "after", "status"),
    [
        ("win", ("paid", "active"), "won"),
        ("lose", ("charged_back", "charged_back"), "lost"),
    ],
)
def test_the_bank_decides(stripe: Emulator, verb: str, after: tuple[str, str], status: str) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    mail.outbox.clear()

    stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
    follow(order)

    assert standing(order) == after
    dispute.refresh_from_db()
    assert (dispute.status, dispute.closed_at is not None) == (status, True)
    amounts = list(Movement.objects.values_list("amount_minor", flat=True))
    assert sorted(amounts) == ([-9_900, 9_900] if verb == "win" else [-9_900])
    assert len(mail.outbox) == 2  # the seller and the buyer
    follow(order)
    assert len(mail.outbox) == 2
    # A later look at the payment changes nothing of it.
    settle(payment_of(order))
    assert standing(order) == after


ORDERS = list(itertools.permutations(range(4)))


@pytest.mark.parametrize("arrival", ORDERS, ids=lambda a: "".join(map(str, a)))
def test_events_in_any_order_end_the_same(stripe: Emulator, arrival: tuple[int, ...]) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("disputes", charge=charge_of(order))
    [told] = stripe.sdk.v1.disputes.list({"charge": charge_of(order)}).data
    stripe.hook(f"disputes/{told.id}/lose")
    events = dispute_events(stripe, order)
    assert [event["type"].rpartition(".")[2] for event in events] == [
        "created", "funds_withdrawn", "updated", "closed",
    ]  # fmt: skip

    assert deliver_all([events[at] for at in arrival]) == [200] * 4
    assert deliver_all([events[at] for at in arrival]) == [200] * 4

    assert standing(order) == ("charged_back", "charged_back")
    assert Dispute.objects.count() == Movement.objects.count() == 1


def test_a_webhook_suspends_and_another_gives_back(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("disputes", charge=charge_of(order))
    [created] = stripe.events("charge.dispute.created", charge=charge_of(order))

    assert deliver(created).status_code == 200
    assert standing(order) == ("paid", "suspended")
    stripe.hook(f"disputes/{created['data']['object']['id']}/win")
    # An old event comes once more: what counts is what Stripe says now.
    [withdrawn] = stripe.events("charge.dispute.funds_withdrawn", charge=charge_of(order))
    assert deliver(withdrawn).status_code == 200

    assert standing(order) == ("paid", "active")


def test_an_inquiry_changes_nothing_until_it_is_escalated(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    mail.outbox.clear()

    dispute = open_dispute(stripe, order, inquiry=True)

    assert standing(order) == ("paid", "active")
    assert [message.to for message in mail.outbox] == [[listing.seller.email]]
    assert "A bank asks about" in mail.outbox[0].subject
    stripe.hook(f"disputes/{dispute.stripe_id}/escalate")
    follow(order)
    assert standing(order) == ("paid", "suspended")


def test_an_inquiry_may_still_be_refunded(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order, inquiry=True)

    services.refund_order(
        order_id=order.pk, by=listing.seller, reason="asked for", now=timezone.now()
    )
    follow(order)

    assert standing(order) == ("refunded", "revoked")
    dispute.refresh_from_db()
    assert dispute.status == "warning_closed"


@pytest.mark.parametrize("verb", [None, "lose"])
def test_money_that_the_bank_has_is_not_refunded_besides(
    stripe: Emulator, verb: str | None
) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    if verb:
        stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
        follow(order)
    before = standing(order)

    with pytest.raises(RefundNotPossibleError, match="bank"):
        services.refund_order(order_id=order.pk, by=listing.seller, reason="", now=timezone.now())

    assert standing(order) == before
    assert payment_of(order).refunds.count() == 0


def test_what_was_won_may_be_refunded(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    services.refund_order(order_id=order.pk, by=listing.seller, reason="", now=timezone.now())

    assert standing(order) == ("refunded", "revoked")


@pytest.mark.parametrize("part", [3_000, 9_900])
@pytest.mark.parametrize("verb", ["win", "lose"])
def test_a_dispute_after_a_refund(stripe: Emulator, part: int, verb: str) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.sdk.v1.refunds.create({"charge": charge_of(order), "amount": part})
    settle(payment_of(order))

    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/{verb}")
    follow(order)

    whole = part == 9_900
    assert dispute.amount_minor == (9_900 if whole else 6_900)
    order.refresh_from_db()
    if whole:
        assert order.state == "refunded"
        assert Entitlement.objects.get(order_id=order.pk).state in ("revoked", "charged_back")
    elif verb == "win":
        assert standing(order) == ("paid", "active")
        assert order.refunded_minor == part
    else:
        assert standing(order) == ("charged_back", "charged_back")


def test_all_orders_of_a_bill_are_in_dispute_together(stripe: Emulator) -> None:
    ada, one, two = make_person(), sell(), sell(make_seller("다른 가게"), title="낮의 노래")
    started = services.start_checkout(
        buyer=ada,
        wishes=[Wish(listing_id=x.pk, seen=terms_of(x).token) for x in (one, two)],
        site="http://shop.test",
        language="en",
        now=timezone.now(),
    )
    assert started.pay_url
    assert stripe.pay(started.pay_url).status_code == 303
    services.settle_bill(bill_id=started.bill.pk, now=timezone.now())
    first, second = started.orders
    mail.outbox.clear()

    dispute = open_dispute(stripe, first)
    assert [standing(o) for o in (first, second)] == [("paid", "suspended")] * 2
    assert {m.to[0] for m in mail.outbox} == {ada.email, one.seller.email, two.seller.email}
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(first)

    assert [standing(o) for o in (first, second)] == [("charged_back", "charged_back")] * 2


def test_the_sweep_finds_a_dispute_whose_events_were_lost(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("disputes", charge=charge_of(order))

    services.reconcile(now=timezone.now())

    assert standing(order) == ("paid", "suspended")
    [told] = stripe.sdk.v1.disputes.list({"charge": charge_of(order)}).data
    stripe.hook(f"disputes/{told.id}/win")
    services.reconcile(now=timezone.now())
    assert standing(order) == ("paid", "active")


def test_while_stripe_cannot_be_asked_nothing_changes_and_the_event_waits(
    stripe: Emulator,
) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("disputes", charge=charge_of(order))
    [created] = stripe.events("charge.dispute.created", charge=charge_of(order))
    stripe.hook("fail_next", count=9, path="/v1/disputes", verb="GET")

    assert deliver(created).status_code == 503
    with pytest.raises(PaymentsUnavailableError):
        follow(order)
    assert standing(order) == ("paid", "active")

    stripe.hook("rules", method="DELETE")
    assert deliver(created).status_code == 200
    assert standing(order) == ("paid", "suspended")


def test_a_lost_dispute_that_is_won_on_appeal_brings_the_order_back(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(order)
    assert standing(order) == ("charged_back", "charged_back")

    stripe.hook(f"disputes/{dispute.stripe_id}/appeal")
    follow(order)

    assert standing(order) == ("paid", "active")
    assert order.refunded_minor == 0


def test_a_dispute_of_a_payment_that_is_not_ours_is_left_alone(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    stripe.hook("disputes", charge=charge_of(order))
    [created] = stripe.events("charge.dispute.created", charge=charge_of(order))
    created["data"]["object"]["payment_intent"] = "pi_of_another_shop"
    created["id"] = "evt_of_another_shop"

    assert deliver(created).status_code == 200

    assert Dispute.objects.count() == 0


def test_the_rate_counts_payments_and_no_inquiries(stripe: Emulator) -> None:
    ada, eve, listing = make_person(), make_person("eve"), sell()
    lost, asked = bought(stripe, ada, listing), bought(stripe, eve, listing)
    bought(stripe, make_person("ben"), listing)
    dispute = open_dispute(stripe, lost)
    open_dispute(stripe, asked, inquiry=True)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(lost)

    bills = Payment.objects.values_list("bill_id", flat=True)
    rate = payment_queries.dispute_rate(bills, since=timezone.now() - dt.timedelta(days=90))

    assert (rate.payments, rate.disputed, rate.lost) == (3, 1, 1)
    assert rate.share == pytest.approx(1 / 3)


def test_buyer_and_seller_see_it_on_their_pages(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    buyer, seller = client_of(ada), client_of(listing.seller)
    dispute = open_dispute(stripe, order)

    assert "Your bank questions this payment" in buyer.get(f"/orders/{order.pk}/").content.decode()
    sales = seller.get("/studio/sales/").content.decode()
    assert "In dispute" in sales
    assert f"/studio/disputes/{dispute.pk}/" in sales
    assert "Refund…" not in sales
    stripe.hook(f"disputes/{dispute.stripe_id}/win")
    follow(order)

    assert "questions" not in buyer.get(f"/orders/{order.pk}/").content.decode()
    assert "Refund…" in seller.get("/studio/sales/").content.decode()


def test_what_is_won_after_it_was_bought_anew_goes_back_once(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(order)
    second = bought(stripe, ada, listing)

    stripe.hook(f"disputes/{dispute.stripe_id}/appeal")
    for _ in range(2):
        follow(order)
    services.reconcile(now=timezone.now())

    assert order.state == "charged_back"
    assert standing(second) == ("paid", "active")
    asked = stripe.sdk.v1.refunds.list({"charge": charge_of(order)}).data
    assert [(refund.amount, refund.status) for refund in asked] == [(9_900, "succeeded")]
    assert list(faults()) == []


def test_the_sweep_asks_for_it_where_stripe_was_away(stripe: Emulator) -> None:
    ada, listing = make_person(), sell()
    order = bought(stripe, ada, listing)
    dispute = open_dispute(stripe, order)
    stripe.hook(f"disputes/{dispute.stripe_id}/lose")
    follow(order)
    bought(stripe, ada, listing)
    stripe.hook(f"disputes/{dispute.stripe_id}/appeal")
    stripe.hook("fail_next", count=3, status=500, path="/v1/refunds", verb="POST", when="before")

    with pytest.raises(PaymentsUnavailableError):
        follow(order)
    services.reconcile(now=timezone.now())

    assert [r.status for r in stripe.sdk.v1.refunds.list({"charge": charge_of(order)}).data] == [
        "succeeded"
    ]


def test_what_one_bank_has_decided_another_question_does_not_undo(stripe: Emulator) -> None:
    order = bought(stripe, make_person(), sell())
    first = open_dispute(stripe, order, amount=4_000)
    stripe.hook(f"disputes/{first.stripe_id}/lose")
    follow(order)

    second = open_dispute(stripe, order, amount=5_900)
    opened = standing(order)
    stripe.hook(f"disputes/{second.stripe_id}/win")
    follow(order)

    assert opened == standing(order) == ("charged_back", "charged_back")
