"""The one place where codes and their redemptions are locked: the code first."""

from __future__ import annotations

import uuid

from marketplace.discounts.models import Code, Redemption

__all__ = ["lock_code", "lock_redemption"]


def lock_code(code_id: uuid.UUID) -> Code:
    """Hold the code's row until the running transaction ends. Raises Code.DoesNotExist."""
    return Code.objects.select_for_update().get(pk=code_id)


def lock_redemption(bill_id: uuid.UUID) -> Redemption | None:
    """The bill's redemption, held together with its code; None where it has no code."""
    code_id = Redemption.objects.filter(bill_id=bill_id).values_list("code_id", flat=True).first()
    if code_id is None:
        return None
    lock_code(code_id)
    return Redemption.objects.select_for_update().get(bill_id=bill_id)
