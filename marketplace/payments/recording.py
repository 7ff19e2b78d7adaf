"""Recording what Stripe answers: merged into our rows, never written over them."""

from __future__ import annotations

import uuid

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payments.errors import PaymentMismatchError
from marketplace.payments.locks import lock_payment
from marketplace.payments.models import Payment, Refund
from marketplace.payments.states import (
    merge_payment,
    merge_refund,
    reported_payment,
    reported_refund,
    with_refunds,
)
from marketplace.payments.types import ChargeSnapshot, RefundSnapshot, SessionSnapshot

__all__ = ["record", "record_intent", "record_refund"]


def record(
    payment_id: uuid.UUID,
    session: SessionSnapshot,
    *,
    refunds: list[RefundSnapshot] | None = None,
) -> Payment:
    """Merge what Stripe says into the payment's rows; what is older than they are has no effect.

    Raises PaymentMismatchError where the session was made for another payment or amount.
    """
    with transaction.atomic():
        payment = lock_payment(payment_id)
        if session.reference != str(payment.pk):
            raise PaymentMismatchError(
                f"session {session.id} was made for “{session.reference}”, not for {payment.pk}"
            )
        expected = (payment.amount_minor, payment.currency)
        if (session.amount_minor, session.currency) != expected:
            raise PaymentMismatchError(
                f"payment {payment.pk} is about {expected}, session {session.id} about"
                f" {(session.amount_minor, session.currency)}"
            )
        payment.session_id = session.id
        payment.checkout_url = session.url or payment.checkout_url
        payment.payment_intent_id = session.intent_id or payment.payment_intent_id
        payment.state = merge_payment(payment.state, reported_payment(session))
        payment.tax_minor = session.tax_minor
        payment.buyer_country = session.buyer_country or payment.buyer_country
        payment.buyer_tax_id = session.buyer_tax_id or payment.buyer_tax_id
        _record_charge(payment, session.charge)
        for refund in refunds or []:
            record_refund(payment, refund)
        payment.state = with_refunds(payment.state, payment.amount_minor, payment.refunds.all())
        payment.save()
    return payment


def record_intent(
    payment_id: uuid.UUID, charge: ChargeSnapshot | None, refunds: list[RefundSnapshot]
) -> Payment:
    """Merge what Stripe says of a payment that no hosted page of its own took."""
    with transaction.atomic():
        payment = lock_payment(payment_id)
        _record_charge(payment, charge)
        for refund in refunds:
            record_refund(payment, refund)
        payment.state = with_refunds(payment.state, payment.amount_minor, payment.refunds.all())
        payment.save()
    return payment


def _record_charge(payment: Payment, charge: ChargeSnapshot | None) -> None:
    """Keep what Stripe booked; an older answer, from before it did, does not undo that."""
    if charge is None:
        return
    payment.charge_id = charge.id
    if charge.fee_minor is not None:
        payment.balance_transaction_id = charge.transaction_id
        payment.stripe_fee_minor = charge.fee_minor


def record_refund(payment: Payment, snapshot: RefundSnapshot) -> Refund:
    """Merge one refund; the caller holds the payment's lock."""
    refund = payment.refunds.filter(stripe_id=snapshot.id).first()
    if refund is None and snapshot.ours:
        # Ours, but the answer that named it was lost.
        refund = payment.refunds.filter(pk=snapshot.ours, stripe_id=None).first()
    if refund is None:
        refund = Refund(
            payment=payment,
            order_id=payment.sole_order_id,
            reason=_("Made at Stripe"),
            at_stripe=True,
        )
    refund.stripe_id = snapshot.id
    refund.amount_minor = snapshot.amount_minor
    refund.state = merge_refund(refund.state, reported_refund(snapshot))
    refund.balance_transaction_id = snapshot.transaction_id or refund.balance_transaction_id
    refund.failure_transaction_id = snapshot.failure_transaction_id or refund.failure_transaction_id
    if refund.state == Refund.State.FAILED:
        refund.failure = snapshot.failure or refund.failure
    refund.save()
    return refund
