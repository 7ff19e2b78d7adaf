"""What is in a cart and how it stands now: to be paid, changed, gone, owned already.

A cart holds what a buyer saw. Everything else is read anew whenever it is looked at.
"""

from __future__ import annotations

import datetime as dt
import enum
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Listing
from marketplace.checkout.errors import StillProcessingError, SubscriptionOnlyError
from marketplace.checkout.quoting import terms_now
from marketplace.checkout.types import Wish
from marketplace.core.money import Money, parse_money
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import AlreadyOwnedError, OwnListingError
from marketplace.orders.types import CartItem, CartWish, Order, Terms, price_in_token
from marketplace.payments import queries as payments

__all__ = [
    "CartLine",
    "CartPayment",
    "CartView",
    "LineState",
    "UserCart",
    "accepted",
    "look_at",
    "on_its_way",
    "wish_for",
]

_TOKEN_MAX = 200


class LineState(enum.StrEnum):
    """How a thing in a cart stands: only what is ready can be paid for."""

    READY = "ready"
    CHANGED = "changed"  # other terms than the buyer saw
    GONE = "gone"  # taken off sale, or only to be subscribed to
    SOLD_OUT = "sold_out"
    OWNED = "owned"
    PROCESSING = "processing"  # an earlier payment for it is on its way
    OWN = "own"  # the buyer's own listing


@dataclass(frozen=True, slots=True)
class CartLine:
    """A thing in a cart and what it is now; `terms` are None where it is off sale.

    `order` is the purchase that is on its way, where there is one.
    """

    item: CartItem
    state: LineState
    terms: Terms | None
    order: Order | None = None

    @property
    def listing(self) -> Listing:
        return self.item.listing

    @property
    def price(self) -> Money:
        """What it costs now; what is off sale costs what it did."""
        if self.terms is None:
            return self.item.seen_price
        if self.listing.is_open:
            return self.offered
        return self.terms.price

    @property
    def offered(self) -> Money:
        """Where buyers choose: what they chose, or what the seller suggests."""
        chosen = self.item.offered
        if chosen is None or chosen.currency != self.listing.currency:
            return self.listing.suggestion
        # The seller may have raised the least price since.
        return chosen if chosen.minor >= self.listing.price_minor else self.listing.suggestion

    @property
    def repriced(self) -> bool:
        return self.terms is not None and self.terms.price != self.item.seen_price

    @property
    def ready(self) -> bool:
        """Whether it can be paid as it stands; else its buyer has to decide something first."""
        return self.state == LineState.READY

    @property
    def shown(self) -> str:
        """What the page says of it, in one word: its terms, and what the buyer chose to pay."""
        if self.terms is None:
            return ""
        chosen = f":{self.offered.minor}" if self.listing.is_open else ""
        return f"{self.terms.token}{chosen}"

    @property
    def wish(self) -> Wish:
        """What the checkout is asked for; `seen` is the token of the terms of this moment."""
        return Wish(
            listing_id=self.item.listing_id,
            seen="" if self.terms is None else self.terms.token,
            offered=self.offered if self.listing.is_open else None,
            recipient_email=self.item.recipient_email,
            message=self.item.present_message,
        )


@dataclass(frozen=True, slots=True)
class CartPayment:
    """The lines that are paid at once, because they have one currency; by seller."""

    currency: str
    sellers: tuple[tuple[str, tuple[CartLine, ...]], ...]

    @property
    def lines(self) -> tuple[CartLine, ...]:
        return tuple(line for _seller, lines in self.sellers for line in lines)

    @property
    def ready(self) -> bool:
        """Whether it can be paid as it stands."""
        return all(line.ready for line in self.lines)

    @property
    def total(self) -> Money:
        """The sum of what can be paid."""
        return Money(sum(line.price.minor for line in self.lines if line.ready), self.currency)


@dataclass(frozen=True, slots=True)
class CartView:
    """A whole cart: one payment for each currency."""

    payments: tuple[CartPayment, ...]

    @property
    def lines(self) -> tuple[CartLine, ...]:
        return tuple(line for payment in self.payments for line in payment.lines)

    def payment_in(self, currency: str) -> CartPayment | None:
        return next((p for p in self.payments if p.currency == currency), None)


class UserCart:
    """The cart of somebody who is logged in: rows of the database."""

    def __init__(self, user: User) -> None:
        self.user = user

    def look(self, *, now: dt.datetime) -> CartView:
        return look_at(order_queries.cart_items(self.user), buyer=self.user, now=now)

    def count(self) -> int:
        return order_queries.cart_count(self.user)

    @transaction.atomic
    def put(self, wish: CartWish, *, now: dt.datetime) -> None:
        """Put something in, if its buyer has not got it yet; as a present they may anyway.

        Raises ListingNotFoundError, OwnListingError, AlreadyOwnedError, StillProcessingError,
        CartFullError.
        """
        listing = catalog.listing_for_view(wish.listing_id, self.user)
        if listing.seller_id == self.user.pk:
            raise OwnListingError(_("This is your own listing, so there is nothing to buy."))
        # Behind this lock nothing is bought before it is known to be: settling takes it, too.
        orders.lock_cart(self.user.pk)
        if not wish.recipient_email:
            _require_not_bought(self.user, wish.listing_id)
        orders.put_in(user=self.user, wish=wish, now=now)

    def agree(self, item_id: uuid.UUID, seen: str, *, now: dt.datetime) -> bool:
        """Agree to the terms with the token `seen`. False where they are others by now."""
        item = order_queries.cart_items(self.user).filter(pk=item_id).first()
        terms = None if item is None else _terms(item.listing, now=now)
        if terms is None or terms.token != seen:
            return False
        return orders.agree_in_cart(
            user=self.user, item_id=item_id, seen=seen, seen_price=terms.price
        )

    def offer(self, item_id: uuid.UUID, typed: str, *, now: dt.datetime) -> bool:
        """Choose what to pay where the price is the buyer's to choose, as a person types it.

        False where it is not there. Raises MoneyError, PriceError.
        """
        item = order_queries.cart_items(self.user).filter(pk=item_id).first()
        if item is None or not item.listing.is_open:
            return False
        amount = accepted(item.listing, typed, now=now)
        return orders.offer_in_cart(user=self.user, item_id=item_id, offered=amount)

    def take(self, item_id: uuid.UUID) -> bool:
        """Take one thing out. Returns whether it was there."""
        return orders.take_out(user=self.user, item_id=item_id)


def accepted(listing: Listing, typed: str, *, now: dt.datetime) -> Money:
    """What a buyer typed, if the seller takes so much. Raises MoneyError, PriceError."""
    return catalog.accept_price(listing, parse_money(typed, listing.currency), now)


def wish_for(
    listing: Listing, seen: str, *, to: str = "", message: str = "", now: dt.datetime
) -> CartWish:
    """What is put into a cart: with the terms of the page that was pressed, `seen`.

    A token that is none counts as the terms of this moment. Raises SubscriptionOnlyError.
    """
    if listing.is_subscription:
        raise SubscriptionOnlyError(
            _("“%(title)s” is a subscription: it is begun on its own page, and not in a cart.")
            % {"title": listing.title}
        )
    terms = terms_now(listing, now=now)
    price = price_in_token(seen) if len(seen) <= _TOKEN_MAX else None
    return CartWish(
        listing_id=listing.pk,
        seen=terms.token if price is None else seen,
        seen_price=price or terms.price,
        recipient_email=to,
        present_message=message,
    )


def look_at(items: Iterable[CartItem], *, buyer: User | None, now: dt.datetime) -> CartView:
    """How these things stand for `buyer`; None for somebody who has not logged in."""
    lines = [_line(item, buyer, now=now) for item in items]
    currencies = list(dict.fromkeys(line.price.currency for line in lines))
    return CartView(
        tuple(
            CartPayment(currency, _by_seller(x for x in lines if x.price.currency == currency))
            for currency in currencies
        )
    )


def _by_seller(lines: Iterable[CartLine]) -> tuple[tuple[str, tuple[CartLine, ...]], ...]:
    def name(line: CartLine) -> str:
        return line.listing.seller.seller.name

    return tuple((seller, tuple(group)) for seller, group in groupby(sorted(lines, key=name), name))


def _line(item: CartItem, buyer: User | None, *, now: dt.datetime) -> CartLine:
    terms = _terms(item.listing, now=now)
    if buyer is not None and item.listing.seller_id == buyer.pk:
        return CartLine(item, LineState.OWN, terms)
    if buyer is not None and not item.recipient_email:
        if licensing.owns(buyer, item.listing_id):
            return CartLine(item, LineState.OWNED, terms)
        order = on_its_way(buyer, item.listing_id)
        if order is not None:
            return CartLine(item, LineState.PROCESSING, terms, order)
    if terms is None:
        return CartLine(item, LineState.GONE, None)
    if _sold_out(item, buyer):
        return CartLine(item, LineState.SOLD_OUT, terms)
    changed = terms.token != item.seen
    return CartLine(item, LineState.CHANGED if changed else LineState.READY, terms)


def _terms(listing: Listing, *, now: dt.datetime) -> Terms | None:
    if listing.status != Listing.Status.ON_SALE or listing.is_subscription:
        return None
    return terms_now(listing, now=now)


def _sold_out(item: CartItem, buyer: User | None) -> bool:
    if catalog.copies_left(item.listing) != 0:
        return False
    # The last copy may be kept for this very buyer, who has come back from the hosted page.
    pair = (item.listing_id, item.recipient_email)
    return buyer is None or not order_queries.live_orders(buyer, [pair])


def on_its_way(buyer: User, listing_id: uuid.UUID) -> Order | None:
    """The order for it whose payment the bank has taken and not finished."""
    order = order_queries.live_order(buyer, listing_id)
    if order is None or order.state != Order.State.PENDING:
        return None
    outcome = payments.outcome_of(order.bill_id)
    return order if outcome is not None and outcome.state == "processing" else None


def _require_not_bought(user: User, listing_id: uuid.UUID) -> None:
    if licensing.owns(user, listing_id):
        raise AlreadyOwnedError(_("You own this already. It is in your library."))
    if on_its_way(user, listing_id) is not None:
        raise StillProcessingError(
            _("Your payment for this is on its way, so it would be paid twice.")
        )
