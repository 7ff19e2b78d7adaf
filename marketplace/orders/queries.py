"""Reading orders. What is not yours is not found."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from marketplace.accounts.types import User
from marketplace.catalog.queries import rights_of
from marketplace.catalog.types import Listing
from marketplace.orders.carts import cart_count, cart_items
from marketplace.orders.errors import OrderNotFoundError
from marketplace.orders.models import Bill, Order
from marketplace.orders.types import Terms

__all__ = [
    "bill_by_id",
    "bill_of",
    "bills_sold_by",
    "cart_count",
    "cart_items",
    "lagging",
    "live_order",
    "live_orders",
    "order_by_id",
    "order_for_sale",
    "order_of",
    "orders_by_id",
    "orders_of_bills",
    "orders_of_the_gone",
    "sales_of",
    "stale_bills",
    "subscription_order_of",
    "subscription_orders_of",
    "terms_of",
]

_State = Order.State


def order_of(buyer: User, order_id: uuid.UUID) -> Order:
    """An order of `buyer`. Raises OrderNotFoundError, also where it is another's."""
    return _one(_with_all().filter(pk=order_id, buyer_id=buyer.pk), order_id)


def subscription_order_of(buyer: User, order_id: uuid.UUID) -> Order:
    """An order of `buyer` for a subscription. Raises OrderNotFoundError for any other."""
    own = _with_all().filter(pk=order_id, buyer_id=buyer.pk, kind=Order.Kind.SUBSCRIPTION)
    return _one(own, order_id)


def orders_of_the_gone(order_ids: Collection[uuid.UUID]) -> list[uuid.UUID]:
    """Those of these orders whose buyer or seller has closed their account."""
    gone = Q(buyer__is_active=False) | Q(listing__seller__is_active=False)
    rows = Order.objects.filter(gone, pk__in=order_ids)
    return list(rows.values_list("pk", flat=True))


def subscription_orders_of(buyer: User) -> list[Order]:
    """Every order of `buyer` for a subscription, the newest first: one for each paid period."""
    own = _with_all().filter(buyer_id=buyer.pk, kind=Order.Kind.SUBSCRIPTION)
    return list(own.order_by("-created_at", "pk"))


def order_for_sale(order_id: uuid.UUID, by: User) -> Order:
    """An order as the seller of its listing, or the operator (staff), may see it.

    Raises OrderNotFoundError.
    """
    visible = Q() if by.is_staff and by.is_active else Q(listing__seller_id=by.pk)
    return _one(_with_all().filter(visible, pk=order_id), order_id)


def order_by_id(order_id: uuid.UUID) -> Order:
    """Any order, for the shop's own work: no person's request may come here."""
    return _one(_with_all().filter(pk=order_id), order_id)


def orders_by_id(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Order]:
    """Several orders, for the shop's own work: no person's request may name them."""
    return {order.pk: order for order in _with_all().filter(pk__in=order_ids)}


def orders_of_bills(bill_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Order]]:
    """The orders of several bills, by bill, for the shop's own work."""
    found: dict[uuid.UUID, list[Order]] = {}
    for order in _with_all().filter(bill_id__in=bill_ids).order_by("created_at", "pk"):
        found.setdefault(order.bill_id, []).append(order)
    return found


def bill_of(buyer: User, bill_id: uuid.UUID) -> Bill:
    """A bill of `buyer`, with its orders. Raises OrderNotFoundError, also for another's."""
    return _bill(_bills().filter(pk=bill_id, buyer_id=buyer.pk), bill_id)


def bill_by_id(bill_id: uuid.UUID) -> Bill:
    """Any bill, for the shop's own work: no person's request may come here."""
    return _bill(_bills().filter(pk=bill_id), bill_id)


def live_order(buyer: User, listing_id: uuid.UUID) -> Order | None:
    """The pending or paid order of `buyer` for a listing for themselves; at most one.

    A rental that is over is none.
    """
    return next(iter(live_orders(buyer, [(listing_id, "")])), None)


def live_orders(buyer: User, wanted: Iterable[tuple[uuid.UUID, str]]) -> list[Order]:
    """The live orders of `buyer` for any of these pairs of listing and recipient.

    For themselves (recipient "") that is a pending or paid one; a rental that is over is
    none. Of presents it is a pending one: they may give the same twice.
    """
    chosen = Q(pk=None)
    for listing_id, recipient in wanted:
        live = Q(state=_State.PENDING)
        if not recipient:
            live |= Q(state=_State.PAID, spent=False)
        chosen |= live & Q(listing_id=listing_id, recipient_email=recipient)
    return list(_with_all().filter(chosen, buyer_id=buyer.pk).order_by("created_at", "pk"))


def sales_of(seller: User) -> QuerySet[Order]:
    """What `seller` has sold, also what was refunded, the newest first."""
    return (
        Order.objects.filter(
            listing__seller_id=seller.pk,
            state__in=[_State.PAID, _State.REFUNDED, _State.CHARGED_BACK],
        )
        .select_related("listing")
        .order_by("-paid_at", "pk")
    )


def bills_sold_by(seller: User) -> QuerySet[Order, uuid.UUID]:
    """The bills in which `seller` has sold something: a query of their ids."""
    rows = Order.objects.filter(listing__seller_id=seller.pk).order_by()
    return rows.values_list("bill_id", flat=True).distinct()


def lagging(bill_ids: QuerySet[Any, uuid.UUID], *, states: Iterable[str]) -> list[uuid.UUID]:
    """Those of `bill_ids` (a query, so that many cost nothing) with an order in none of `states`."""
    rows = Order.objects.filter(bill_id__in=bill_ids).exclude(state__in=list(states))
    return list(rows.order_by().values_list("bill_id", flat=True).distinct())


def stale_bills(*, before: dt.datetime) -> list[uuid.UUID]:
    """Bills with a pending order that was made before this moment."""
    rows = Order.objects.filter(state=_State.PENDING, created_at__lt=before)
    return list(rows.order_by().values_list("bill_id", flat=True).distinct())


def terms_of(subject: Order | Listing) -> Terms:
    """What an order fixed, or what a listing offers now; each at its own price, undiscounted."""
    assert subject.package_id is not None, "a listing on sale has a package"
    if isinstance(subject, Order):
        price, rights = subject.list_price, subject.rights
    else:
        price, rights = subject.price, rights_of(subject)
    return Terms(subject.package_id, price, rights, subject.start_days)


def _with_all() -> QuerySet[Order]:
    return Order.objects.select_related("bill", "buyer", "listing__seller__seller", "package")


def _bills() -> QuerySet[Bill]:
    orders = Prefetch("orders", _with_all().order_by("created_at", "pk"))
    return Bill.objects.select_related("buyer").prefetch_related(orders)


def _bill(found: QuerySet[Bill], bill_id: uuid.UUID) -> Bill:
    try:
        return found.get()
    except Bill.DoesNotExist:
        raise OrderNotFoundError(str(bill_id)) from None


def _one(found: QuerySet[Order], order_id: uuid.UUID) -> Order:
    try:
        return found.get()
    except Order.DoesNotExist:
        raise OrderNotFoundError(str(order_id)) from None
