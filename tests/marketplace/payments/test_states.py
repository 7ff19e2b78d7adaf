"""What Stripe says comes late, twice and in any order; the rows end up the same."""

from __future__ import annotations

import dataclasses
import itertools
import uuid

import pytest
from django.utils import timezone

from marketplace.payments.errors import PaymentMismatchError
from marketplace.payments.models import Payment, Refund
from marketplace.payments.recording import record
from marketplace.payments.states import reported_payment, reported_refund
from marketplace.payments.types import RefundSnapshot, SessionSnapshot

Answer = tuple[SessionSnapshot, list[RefundSnapshot]]


def session(status: str, *, paid: bool = False, intent: str | None = None) -> SessionSnapshot:
    return SessionSnapshot(
        id="cs_1",
        status=status,
        paid=paid,
        url="http://pay.test/" if status == "open" else "",
        amount_minor=9_900,
        currency="KRW",
        reference="",
        intent_id="pi_1" if intent else None,
        intent_status=intent,
    )


def refund(name: str, amount: int, status: str) -> RefundSnapshot:
    return RefundSnapshot(id=name, amount_minor=amount, status=status, failure="", ours=None)


OPEN: Answer = (session("open"), [])
PROCESSING: Answer = (session("complete", intent="processing"), [])
PAID: Answer = (session("complete", paid=True, intent="succeeded"), [])
REFUNDING: Answer = (PAID[0], [refund("re_1", 9_900, "pending")])
REFUNDED: Answer = (PAID[0], [refund("re_1", 9_900, "succeeded")])
RETURNED: Answer = (PAID[0], [refund("re_1", 9_900, "failed")])
HALF: Answer = (PAID[0], [refund("re_1", 9_900, "failed"), refund("re_2", 4_000, "succeeded")])


def new_payment() -> Payment:
    return Payment.objects.create(
        bill_id=uuid.uuid4(), amount_minor=9_900, currency="KRW", expires_at=timezone.now()
    )


def of(payment: Payment, found: SessionSnapshot) -> SessionSnapshot:
    """The same answer, for a session that was made for `payment`."""
    return dataclasses.replace(found, reference=str(payment.pk))


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (session("open"), "open"),
        (session("open", intent="requires_payment_method"), "open"),
        (session("expired"), "expired"),
        (session("complete", intent="processing"), "processing"),
        (session("complete", intent="requires_payment_method"), "failed"),
        (session("complete", intent="canceled"), "failed"),
        (session("complete", paid=True, intent="succeeded"), "succeeded"),
    ],
)
def test_a_session_shows_one_state(answer: SessionSnapshot, state: str) -> None:
    assert reported_payment(answer) == state


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("pending", "pending"),
        ("requires_action", "pending"),
        ("succeeded", "succeeded"),
        ("failed", "failed"),
        ("canceled", "failed"),
    ],
)
def test_a_refund_shows_one_state(status: str, state: str) -> None:
    assert reported_refund(refund("re_1", 1, status)) == state


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("answers", "state"),
    [
        ([OPEN, PROCESSING, PAID], "succeeded"),
        ([OPEN, PAID, REFUNDING, REFUNDED], "refunded"),
        ([PAID, REFUNDING, REFUNDED, RETURNED], "succeeded"),
        ([PAID, REFUNDED, RETURNED, HALF], "succeeded"),
        ([OPEN, (session("expired"), []), PAID], "succeeded"),
    ],
)
def test_answers_in_any_order_end_the_same(answers: list[Answer], state: str) -> None:
    endings = set()

    for order in itertools.permutations(answers):
        payment = new_payment()
        Payment.objects.exclude(pk=payment.pk).update(session_id=None, payment_intent_id=None)
        Refund.objects.update(stripe_id=None)
        for found, refunds in [*order, order[0]]:
            record(payment.pk, of(payment, found), refunds=refunds)
        payment.refresh_from_db()
        rows = payment.refunds.order_by("amount_minor").values_list("amount_minor", "state")
        endings.add((payment.state, *rows))

    assert len(endings) == 1
    assert endings.pop()[0] == state


@pytest.mark.django_db
def test_another_amount_is_never_recorded() -> None:
    payment = new_payment()
    Payment.objects.filter(pk=payment.pk).update(amount_minor=1)

    with pytest.raises(PaymentMismatchError):
        record(payment.pk, of(payment, PAID[0]))

    payment.refresh_from_db()
    assert (payment.state, payment.session_id) == ("starting", None)


@pytest.mark.django_db
@pytest.mark.parametrize("reference", ["", "no id", "6f1b1c1e-0d3c-4c3e-9a57-2f5d2f1f7a10"])
def test_a_session_of_another_payment_is_never_recorded(reference: str) -> None:
    payment = new_payment()

    with pytest.raises(PaymentMismatchError):
        record(payment.pk, dataclasses.replace(PAID[0], reference=reference))

    payment.refresh_from_db()
    assert (payment.state, payment.session_id) == ("starting", None)
