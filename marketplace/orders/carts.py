"""Carts: put in, take out, agree to a change. Every change holds the cart's row.

Items are changed one by one, each by its name: there is no saving of a whole cart, so a
tab that was left open cannot bring back what another one paid for or took out.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.core.money import Money
from marketplace.messaging import services as messaging
from marketplace.orders.cart_models import Cart, CartItem
from marketplace.orders.cart_types import CART_MAX, CartWish
from marketplace.orders.errors import CartFullError

__all__ = [
    "agree_in_cart",
    "cart_count",
    "cart_items",
    "empty_of",
    "lock_cart",
    "offer_in_cart",
    "put_in",
    "take_out",
]


def cart_items(user: User) -> QuerySet[CartItem]:
    """Everything in the cart of `user`, in the order it was put in, with its listings."""
    rows = CartItem.objects.filter(cart_id=user.pk)
    rows = rows.select_related("listing__seller__seller", "listing__package")
    return rows.prefetch_related("listing__sale_periods").order_by("added_at", "pk")


def cart_count(user: User) -> int:
    """How many things are in the cart of `user`."""
    return CartItem.objects.filter(cart_id=user.pk).count()


def lock_cart(user_id: uuid.UUID) -> Cart:
    """The cart of a user, made if there is none, its row held until the transaction ends."""
    Cart.objects.get_or_create(user_id=user_id)
    return Cart.objects.select_for_update().get(pk=user_id)


@transaction.atomic
def put_in(*, user: User, wish: CartWish, now: dt.datetime) -> CartItem:
    """Put something into the cart; what is there already is not there twice.

    It then has the newest terms that were seen, and the newest message. Raises
    CartFullError.
    """
    cart = lock_cart(user.pk)
    key = {"listing_id": wish.listing_id, "recipient_email": wish.recipient_email}
    known = cart.items.filter(**key).first()
    if known is None and cart.items.count() >= CART_MAX:
        raise CartFullError(
            _("Your cart holds %d things, and that is all it can. Pay for some first.") % CART_MAX
        )
    item = known or CartItem(cart=cart, added_at=now, **key)
    item.seen = wish.seen
    item.seen_minor, item.seen_currency = wish.seen_price.minor, wish.seen_price.currency
    if wish.offered is not None:
        item.offered_minor = wish.offered.minor
    item.present_message = wish.present_message
    item.save()
    _tell(user.pk)
    return item


@transaction.atomic
def agree_in_cart(*, user: User, item_id: uuid.UUID, seen: str, seen_price: Money) -> bool:
    """The buyer has seen these terms at its line. Returns whether the item is still there."""
    cart = lock_cart(user.pk)
    agreed = cart.items.filter(pk=item_id).update(
        seen=seen, seen_minor=seen_price.minor, seen_currency=seen_price.currency
    )
    return agreed > 0


@transaction.atomic
def offer_in_cart(*, user: User, item_id: uuid.UUID, offered: Money) -> bool:
    """Note what the buyer would pay, where they may choose. Returns whether it is still there."""
    cart = lock_cart(user.pk)
    return cart.items.filter(pk=item_id).update(offered_minor=offered.minor) > 0


@transaction.atomic
def take_out(*, user: User, item_id: uuid.UUID) -> bool:
    """Take one thing out. Returns whether it was there."""
    cart = lock_cart(user.pk)
    gone, _rows = cart.items.filter(pk=item_id).delete()
    if gone:
        _tell(user.pk)
    return gone > 0


@transaction.atomic
def empty_of(*, user_id: uuid.UUID, bought: Iterable[tuple[uuid.UUID, str]]) -> int:
    """Take out what was paid for: pairs of a listing and of whom it is for ("" for oneself).

    It belongs into the transaction that gives it: whoever adds it at that moment waits, and
    then finds that it is owned. Returns how many things went.
    """
    cart = lock_cart(user_id)
    gone = 0
    for listing_id, recipient in bought:
        rows = cart.items.filter(listing_id=listing_id, recipient_email=recipient)
        gone += rows.delete()[0]
    if gone:
        _tell(user_id)
    return gone


def _tell(user_id: uuid.UUID) -> None:
    messaging.publish(group=messaging.user_group(user_id), kind="cart.changed", payload={})
