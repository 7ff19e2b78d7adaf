"""One order of locks: the giver's entitlement, the receiver's, then the handover."""

from __future__ import annotations

from marketplace.handovers.models import Handover
from marketplace.licensing import services as licensing
from marketplace.licensing.types import Entitlement

__all__ = ["lock_handover"]


def lock_handover(handover: Handover) -> tuple[Handover, Entitlement]:
    """The handover as it is now and its giver's entitlement, both held until the transaction ends."""
    entitlement = licensing.lock(handover.entitlement_id)
    rows = Handover.objects.select_for_update(of=("self",)).select_related("giver", "receiver")
    locked = rows.get(pk=handover.pk)
    locked.entitlement = entitlement
    return locked, entitlement
