"""How what Stripe says of a subscription is merged: any order of answers ends the same."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from django.utils import timezone

from marketplace.payments.models import Subscription, SubscriptionInvoice
from marketplace.payments.subscription_states import merge_invoice, merge_subscription
from marketplace.payments.subscription_types import InvoiceSnapshot, SubscriptionSnapshot
from marketplace.payments.subscriptions import _record

NOW = timezone.now()


@pytest.mark.parametrize("order", list(itertools.permutations(["draft", "open", "paid", "void"])))
def test_an_invoice_moves_forwards_only(order: tuple[str, ...]) -> None:
    state = "draft"
    for reported in order:
        state = merge_invoice(state, reported)

    assert state == "paid"


def test_what_has_ended_does_not_begin_again() -> None:
    assert merge_subscription("ended", "active", newest=True) == "ended"
    assert merge_subscription("active", "open", newest=True) == "active"
    assert merge_subscription("expired", "active", newest=False) == "active"


def test_past_due_goes_back_and_forth_by_the_newest_answer() -> None:
    assert merge_subscription("active", "past_due", newest=True) == "past_due"
    assert merge_subscription("past_due", "active", newest=True) == "active"
    assert merge_subscription("past_due", "active", newest=False) == "past_due"


def told(status: str, *, ends: bool) -> SubscriptionSnapshot:
    return SubscriptionSnapshot("sub_1", status, "", NOW, ends, None)


def invoice(status: str) -> InvoiceSnapshot:
    return InvoiceSnapshot(
        id="in_1", number="N-1", status=status, amount_minor=900, currency="KRW", tax_minor=0,
        buyer_country="", buyer_tax_id="", period_start=NOW, period_end=NOW + dt.timedelta(days=30),
        next_attempt_at=None, page_url="", intent_id="",
    )  # fmt: skip


@pytest.mark.django_db
def test_an_older_answer_that_comes_late_replaces_nothing() -> None:
    row = Subscription.objects.create(
        order_id="8b2f1c5e-0c4f-4d2e-9a53-3d6d1f0a7a11", amount_minor=900, currency="KRW",
        interval="month", state="active", stripe_id="sub_1", expires_at=NOW, asked=2,
    )  # fmt: skip

    _record(row.pk, told("active", ends=True), [invoice("paid")], question=2)
    _record(row.pk, told("past_due", ends=False), [invoice("open")], question=1)

    row.refresh_from_db()
    assert (row.state, row.cancel_at_period_end, row.answered) == ("active", True, 2)
    assert SubscriptionInvoice.objects.get().state == "paid"


@pytest.mark.django_db
def test_what_stripe_tells_keeps_what_is_ours() -> None:
    row = Subscription.objects.create(
        order_id="8b2f1c5e-0c4f-4d2e-9a53-3d6d1f0a7a11", amount_minor=900, currency="KRW",
        interval="month", state="active", stripe_id="sub_1", expires_at=NOW, asked=2,
    )  # fmt: skip
    _record(row.pk, told("active", ends=False), [invoice("paid")], question=1)
    SubscriptionInvoice.objects.update(order_id=row.order_id, told=True)

    _record(row.pk, told("active", ends=False), [invoice("paid")], question=2)

    kept = SubscriptionInvoice.objects.get()
    assert (str(kept.order_id), kept.told) == (str(row.order_id), True)
