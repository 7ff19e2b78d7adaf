"""Giving the money of a payment back, order by order, in whole or in part."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payments import gateway
from marketplace.payments.asking import key_is_forgotten
from marketplace.payments.errors import (
    NothingToRefundError,
    RefundRefusedError,
)
from marketplace.payments.locks import lock_payment
from marketplace.payments.models import Payment, Refund
from marketplace.payments.recording import record_refund
from marketplace.payments.states import with_refunds
from marketplace.payments.types import RefundSnapshot

__all__ = ["Share", "intend_refund", "refund_payment", "resume_refund"]

_State = Refund.State
_COUNTED = [_State.REQUESTED, _State.PENDING, _State.SUCCEEDED]


@dataclass(frozen=True, slots=True)
class Share:
    """What one order has in its bill's payment: the most that can go back of each."""

    order_id: uuid.UUID
    cash_minor: int
    credit_minor: int = 0


def refund_payment(
    *,
    bill_id: uuid.UUID,
    share: Share,
    reason: str,
    amount_minor: int | None = None,
    key: uuid.UUID | None = None,
) -> Refund:
    """Give back `amount_minor` of an order's share, or all that is left of it.

    What was paid by Stripe goes back first, then shop credit. Asked again with the same
    `key`, or for all that is left, it is the same refund. Raises NothingToRefundError where
    nothing was paid or less is left, PaymentsUnavailableError (the request stays written
    down, asking again is safe), RefundRefusedError (the refund has failed and can be tried
    anew).
    """
    while True:
        refund = intend_refund(
            bill_id=bill_id, share=share, reason=reason, amount_minor=amount_minor, key=key
        )
        if refund.state != _State.REQUESTED:
            return refund
        refund = resume_refund(refund.pk)
        if amount_minor is not None:
            return refund
        # It may have been a part that waited to be sent; the next round finds what is left.


def resume_refund(refund_id: uuid.UUID) -> Refund:
    """Ask Stripe for a refund that is written down, if it was not asked yet.

    Raises PaymentsUnavailableError, RefundRefusedError.
    """
    refund = Refund.objects.select_related("payment").get(pk=refund_id)
    if refund.state != _State.REQUESTED:
        return refund
    payment = refund.payment
    assert payment.payment_intent_id is not None, "a payment that succeeded has an intent"
    if key_is_forgotten(refund.created_at):
        for made in gateway.list_refunds(payment.payment_intent_id):
            if made.ours == str(refund.pk):
                return _recorded(payment, made)
    try:
        answer = gateway.create_refund(
            refund_id=refund.pk,
            intent_id=payment.payment_intent_id,
            amount_minor=refund.amount_minor,
        )
    except RefundRefusedError as error:
        _fail(refund.pk, str(error))
        raise
    return _recorded(payment, answer)


@transaction.atomic
def _recorded(payment: Payment, answer: RefundSnapshot) -> Refund:
    payment = lock_payment(payment.pk)
    refund = record_refund(payment, answer)
    payment.state = with_refunds(payment.state, payment.amount_minor, payment.refunds.all())
    payment.save(update_fields=["state", "updated_at"])
    return refund


@transaction.atomic
def intend_refund(
    *,
    bill_id: uuid.UUID,
    share: Share,
    reason: str,
    amount_minor: int | None = None,
    key: uuid.UUID | None = None,
) -> Refund:
    """The refund that is under way, or a new one written down; the sweep, too, asks for it.

    Raises NothingToRefundError.
    """
    try:
        payment = lock_payment(Payment.objects.only("pk").get(bill_id=bill_id).pk)
    except Payment.DoesNotExist:
        raise NothingToRefundError(_("Nothing was paid, so nothing can go back.")) from None
    if payment.state not in (Payment.State.SUCCEEDED, Payment.State.REFUNDED):
        raise NothingToRefundError(_("This payment has not succeeded, so nothing can go back."))
    counted = list(payment.refunds.filter(state__in=_COUNTED, order_id=share.order_id))
    key = _untaken(key, counted)
    same = next((r for r in counted if r.pk == key or r.state == _State.REQUESTED), None)
    if same is not None:
        return same
    cash, credit = _left(payment, share, counted)
    if amount_minor is None and cash + credit == 0 and counted:
        return counted[0]
    wanted = cash + credit if amount_minor is None else amount_minor
    if not 0 < wanted <= cash + credit:
        raise NothingToRefundError(_("Less than that is left of this payment."))
    by_stripe = min(wanted, cash)
    return Refund.objects.create(
        pk=key or uuid.uuid4(),
        payment=payment,
        order_id=share.order_id,
        amount_minor=by_stripe,
        credit_minor=wanted - by_stripe,
        reason=reason[:200],
        state=_State.REQUESTED if by_stripe else _State.SUCCEEDED,
    )


def _untaken(key: uuid.UUID | None, counted: list[Refund]) -> uuid.UUID | None:
    """The key of a press. After a refusal the same page means a new try, and twice the same one."""
    own = {refund.pk for refund in counted}
    while key is not None and key not in own and Refund.objects.filter(pk=key).exists():
        key = uuid.uuid5(key, "again")
    return key


def _left(payment: Payment, share: Share, counted: list[Refund]) -> tuple[int, int]:
    """Cash and credit of the share that no refund has taken yet."""
    cash = share.cash_minor - sum(refund.amount_minor for refund in counted)
    credit = share.credit_minor - sum(refund.credit_minor for refund in counted)
    # Stripe knows of refunds that belong to no order in particular; there is no more than it has.
    others = payment.refunds.filter(state__in=_COUNTED)
    whole = payment.amount_minor - sum(refund.amount_minor for refund in others)
    return max(0, min(cash, whole)), max(0, credit)


@transaction.atomic
def _fail(refund_id: uuid.UUID, why: str) -> None:
    refund = Refund.objects.select_for_update().get(pk=refund_id)
    if refund.state == _State.REQUESTED:
        refund.state = _State.FAILED
        refund.failure = why[:300]
        refund.save(update_fields=["state", "failure"])
