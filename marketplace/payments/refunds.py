"""Giving the money of a payment back."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payments import gateway
from marketplace.payments.errors import (
    NothingToRefundError,
    RefundRefusedError,
)
from marketplace.payments.locks import lock_payment
from marketplace.payments.models import Payment, Refund
from marketplace.payments.recording import record_refund
from marketplace.payments.states import with_refunds

__all__ = ["refund_payment"]

_Counted = [Refund.State.REQUESTED, Refund.State.PENDING, Refund.State.SUCCEEDED]


def refund_payment(*, order_id: uuid.UUID, reason: str) -> Refund:
    """Give back what is left of the order's payment; asked again, the same refund.

    Raises NothingToRefundError where nothing was paid, PaymentsUnavailableError (the
    request stays written down, asking again is safe), RefundRefusedError (the refund has
    failed and can be tried anew).
    """
    refund = _intend(order_id, reason)
    if refund.state != Refund.State.REQUESTED:
        return refund
    payment = refund.payment
    assert payment.payment_intent_id is not None, "a payment that succeeded has an intent"
    try:
        answer = gateway.create_refund(
            refund_id=refund.pk,
            intent_id=payment.payment_intent_id,
            amount_minor=refund.amount_minor,
        )
    except RefundRefusedError as error:
        _fail(refund.pk, str(error))
        raise
    with transaction.atomic():
        payment = lock_payment(payment.pk)
        refund = record_refund(payment, answer)
        payment.state = with_refunds(payment.state, payment.amount_minor, payment.refunds.all())
        payment.save(update_fields=["state", "updated_at"])
    return refund


@transaction.atomic
def _intend(order_id: uuid.UUID, reason: str) -> Refund:
    """The refund that is under way, or a new one written down for what is left to give back."""
    try:
        payment = lock_payment(Payment.objects.only("pk").get(order_id=order_id).pk)
    except Payment.DoesNotExist:
        raise NothingToRefundError(_("Nothing was paid, so nothing can go back.")) from None
    if payment.state not in (Payment.State.SUCCEEDED, Payment.State.REFUNDED):
        raise NothingToRefundError(_("This payment has not succeeded, so nothing can go back."))
    counted = list(payment.refunds.filter(state__in=_Counted))
    requested = next((r for r in counted if r.state == Refund.State.REQUESTED), None)
    if requested is not None:
        return requested
    left = payment.amount_minor - sum(refund.amount_minor for refund in counted)
    if left <= 0:
        return counted[0]
    return Refund.objects.create(payment=payment, amount_minor=left, reason=reason[:200])


@transaction.atomic
def _fail(refund_id: uuid.UUID, why: str) -> None:
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if refund.state == Refund.State.REQUESTED:
        refund.state = Refund.State.FAILED
        refund.failure = why[:300]
        refund.save(update_fields=["state", "failure"])
