"""What of an order reached a device: for whoever has to prove that it was delivered."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db.models import Q

from marketplace.licensing.models import Entitlement, Licence
from marketplace.licensing.versions import opening

__all__ = ["Delivery", "deliveries_of", "paid_purchases", "receiver_of"]

_Kind = Entitlement.Kind
_MONEY_BACK = (Entitlement.State.REVOKED, Entitlement.State.CHARGED_BACK)


@dataclass(frozen=True, slots=True)
class Delivery:
    """A licence of a device: since when the shop knows the device, and when it got it."""

    device: str
    registered_at: dt.datetime
    issued_at: dt.datetime


def deliveries_of(order_id: uuid.UUID) -> list[Delivery]:
    """Each licence that was issued on the order, or on what was passed on of it, in time.

    A licence says that a device can open the content, not that it did: what is played
    stays on the device.
    """
    found = list(Entitlement.objects.filter(order_id=order_id))
    for entitlement in found:
        found += entitlement.children.order_by("pk")
    licences = Licence.objects.filter(entitlement__in=found).select_related("device")
    return [
        Delivery(
            device=licence.device.name,
            registered_at=licence.device.first_registered_at,
            issued_at=licence.issued_at,
        )
        for licence in licences.order_by("issued_at", "pk")
    ]


def paid_purchases(user_id: uuid.UUID, package_id: str) -> int:
    """How many purchases that stand brought the package to the user, presents among them.

    What was lent or passed on to them is none, as its one payment was for whoever bought it;
    nor is one whose money went back.
    """
    present = Q(parent__kind=_Kind.PRESENT, kind__in=(_Kind.GIFT, _Kind.RENTAL))
    bought = Q(order_id__isnull=False) & ~Q(kind=_Kind.PRESENT)
    rows = Entitlement.objects.filter(opening(package_id), present | bought, user_id=user_id)
    return rows.exclude(state__in=_MONEY_BACK).distinct().count()


def receiver_of(order_id: uuid.UUID) -> uuid.UUID | None:
    """The user whom the order was delivered to: its buyer, or whoever claimed the present.

    None where nobody has it yet, and where its money went back.
    """
    own = Entitlement.objects.filter(order_id=order_id).exclude(state__in=_MONEY_BACK).first()
    if own is None or own.kind != _Kind.PRESENT:
        return own.user_id if own else None
    claimed = own.children.exclude(state__in=_MONEY_BACK).order_by("created_at", "pk").first()
    return claimed.user_id if claimed else None
