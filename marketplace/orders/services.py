"""Changes to orders. An order's state moves along the arrows, and no other way:

    pending ──► paid ──► refunded
       │          ▲  ◄──    ▲     (back: the bank returned the refund)
       └► expired ┴─────────┘     (paid late: granted, or refunded at once)

Each change is told to the buyer's open pages.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.messaging import services as messaging
from marketplace.orders import queries
from marketplace.orders.errors import (
    AlreadyOwnedError,
    LiveOrderExistsError,
    OrderStateError,
    OwnListingError,
)
from marketplace.orders.locks import lock_order
from marketplace.orders.models import Order
from marketplace.orders.numbers import new_number

__all__ = [
    "lock_order",
    "mark_expired",
    "mark_paid",
    "mark_refunded",
    "mark_spent",
    "open_order",
    "reinstate",
]

_State = Order.State
_LIVE = (_State.PENDING, _State.PAID)


def open_order(*, buyer: User, listing_id: uuid.UUID, language: str = "en") -> Order:
    """The one pending order of `buyer` for a listing: the one that exists, or a new one.

    A new order takes the listing's price and rights as they are now; one that exists
    keeps what it was made with. Two calls at once get the same order. Raises catalog's
    ListingNotFoundError, OwnListingError, AlreadyOwnedError.
    """
    listing = catalog.listing_for_view(listing_id, buyer)
    if listing.seller_id == buyer.pk:
        raise OwnListingError(_("This is your own listing, so there is nothing to buy."))
    while True:
        order = queries.live_order(buyer, listing_id)
        if order is None:
            order = _create(buyer, listing, language)
        if order is not None:
            break
    if order.state == _State.PAID:
        raise AlreadyOwnedError(_("You own this already. It is in your library."))
    return order


def _create(buyer: User, listing: Listing, language: str) -> Order | None:
    """A new pending order, or None where a rival made one first (or the number was taken)."""
    terms = queries.terms_of(listing)
    try:
        with transaction.atomic():
            return Order.objects.create(
                number=new_number(),
                buyer=buyer,
                listing=listing,
                package_id=terms.package_id,
                title=listing.title,
                price_minor=terms.price.minor,
                currency=terms.price.currency,
                rights=dict(terms.rights),
                start_days=terms.start_days,
                language=language,
            )
    except IntegrityError:
        return None


@transaction.atomic
def mark_paid(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """The money is there. Returns whether that is news.

    An order that had expired comes back to life. Raises LiveOrderExistsError where its
    buyer has another order for the listing by then: the money of this one must go back.
    """
    order = lock_order(order_id)
    if order.state in (_State.PAID, _State.REFUNDED):
        return False
    order.paid_at = now
    _revive(order)
    return True


@transaction.atomic
def mark_expired(*, order_id: uuid.UUID) -> bool:
    """It will not be paid: the buyer may order again. Returns whether that is news."""
    order = lock_order(order_id)
    if order.state != _State.PENDING:
        return False
    _move(order, _State.EXPIRED)
    return True


@transaction.atomic
def mark_refunded(*, order_id: uuid.UUID, now: dt.datetime) -> bool:
    """All the money went back. Returns whether that is news."""
    order = lock_order(order_id)
    if order.state == _State.REFUNDED:
        return False
    # Events come in any order: the refund may be the first that is heard of the payment.
    order.paid_at = order.paid_at or now
    order.refunded_at = now
    _move(order, _State.REFUNDED)
    return True


@transaction.atomic
def reinstate(*, order_id: uuid.UUID) -> None:
    """The refund came back from the buyer's bank: the order counts as paid again.

    Raises OrderStateError where it was not refunded, LiveOrderExistsError where the buyer
    has bought the listing anew.
    """
    order = lock_order(order_id)
    if order.state != _State.REFUNDED:
        raise OrderStateError(_("Only an order that was refunded can be paid again."))
    order.refunded_at = None
    _revive(order)


@transaction.atomic
def mark_spent(*, order_id: uuid.UUID) -> None:
    """What a paid order gave is over: its buyer may order the listing again."""
    order = lock_order(order_id)
    if order.state != _State.PAID:
        raise OrderStateError(_("Only what was paid for can be over."))
    order.spent = True
    order.save(update_fields=["spent"])


def _revive(order: Order) -> None:
    others = Order.objects.filter(
        buyer_id=order.buyer_id, listing_id=order.listing_id, state__in=_LIVE, spent=False
    ).exclude(pk=order.pk)
    if others.exists() and not order.spent:
        raise LiveOrderExistsError(_("You have another order for this listing."))
    try:
        with transaction.atomic():
            _move(order, _State.PAID)
    except IntegrityError:  # a rival opened one in between
        raise LiveOrderExistsError(_("You have another order for this listing.")) from None


def _move(order: Order, state: str) -> None:
    order.state = state
    order.save(update_fields=["state", "paid_at", "refunded_at"])
    messaging.publish(
        group=messaging.user_group(order.buyer_id),
        kind="order.changed",
        payload={"order": str(order.pk), "state": state},
    )
