"""The one place where payments are locked. An order, where one is locked too, comes first."""

from __future__ import annotations

import uuid

from marketplace.payments.errors import PaymentNotFoundError
from marketplace.payments.models import Payment

__all__ = ["lock_payment"]


def lock_payment(payment_id: uuid.UUID) -> Payment:
    """Hold the payment's row, and with it its refunds, until the transaction ends."""
    try:
        return Payment.objects.select_for_update().get(pk=payment_id)
    except Payment.DoesNotExist:
        raise PaymentNotFoundError(str(payment_id)) from None
