"""Reading orders. What is not yours is not found."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.db.models import Q, QuerySet

from marketplace.accounts.types import User
from marketplace.catalog.queries import rights_of
from marketplace.catalog.types import Listing
from marketplace.orders.errors import OrderNotFoundError
from marketplace.orders.models import Order
from marketplace.orders.types import Terms

__all__ = [
    "lagging",
    "live_order",
    "order_by_id",
    "order_for_sale",
    "order_of",
    "sales_of",
    "stale_orders",
    "terms_of",
]

_State = Order.State


def order_of(buyer: User, order_id: uuid.UUID) -> Order:
    """An order of `buyer`. Raises OrderNotFoundError, also where it is another's."""
    return _one(_with_all().filter(pk=order_id, buyer_id=buyer.pk), order_id)


def order_for_sale(order_id: uuid.UUID, by: User) -> Order:
    """An order as the seller of its listing, or the operator (staff), may see it.

    Raises OrderNotFoundError.
    """
    visible = Q() if by.is_staff and by.is_active else Q(listing__seller_id=by.pk)
    return _one(_with_all().filter(visible, pk=order_id), order_id)


def order_by_id(order_id: uuid.UUID) -> Order:
    """Any order, for the shop's own work: no person's request may come here."""
    return _one(_with_all().filter(pk=order_id), order_id)


def live_order(buyer: User, listing_id: uuid.UUID) -> Order | None:
    """The pending or paid order of `buyer` for a listing; there is at most one.

    A rental that is over is none.
    """
    live = {"state__in": [_State.PENDING, _State.PAID], "spent": False}
    return _with_all().filter(buyer_id=buyer.pk, listing_id=listing_id, **live).first()


def sales_of(seller: User) -> QuerySet[Order]:
    """What `seller` has sold, also what was refunded, the newest first."""
    return (
        Order.objects.filter(listing__seller_id=seller.pk, state__in=[_State.PAID, _State.REFUNDED])
        .select_related("listing")
        .order_by("-paid_at", "pk")
    )


def lagging(order_ids: QuerySet[Any, uuid.UUID], *, state: str) -> list[uuid.UUID]:
    """Those of `order_ids` (a query, so that many cost nothing) that are not in `state`."""
    rows = Order.objects.filter(pk__in=order_ids).exclude(state=state)
    return list(rows.values_list("pk", flat=True))


def stale_orders(*, before: dt.datetime) -> list[uuid.UUID]:
    """Pending orders that were made before this moment."""
    rows = Order.objects.filter(state=_State.PENDING, created_at__lt=before)
    return list(rows.values_list("pk", flat=True))


def terms_of(subject: Order | Listing) -> Terms:
    """What an order fixed, or what a listing offers now."""
    assert subject.package_id is not None, "a listing on sale has a package"
    rights = subject.rights if isinstance(subject, Order) else rights_of(subject)
    return Terms(subject.package_id, subject.price, rights, subject.start_days)


def _with_all() -> QuerySet[Order]:
    return Order.objects.select_related("buyer", "listing__seller__seller", "package")


def _one(found: QuerySet[Order], order_id: uuid.UUID) -> Order:
    try:
        return found.get()
    except Order.DoesNotExist:
        raise OrderNotFoundError(str(order_id)) from None
