"""From the buy page to the hosted page."""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.errors import ListingNotFoundError
from marketplace.catalog.types import Listing
from marketplace.checkout.errors import TermsChangedError, WithdrawnError
from marketplace.checkout.settling import fulfil, settle_order
from marketplace.checkout.types import Started
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentClosedError, PaymentRefusedError

__all__ = ["listing_to_buy", "start_checkout"]

_ATTEMPTS = 4  # an old order may have to be closed first, and a rival may be doing the same
_State = Order.State


def listing_to_buy(listing_id: uuid.UUID, buyer: User) -> Listing:
    """The listing as it is on offer.

    Raises ListingNotFoundError; WithdrawnError where the buyer had begun to buy it.
    """
    try:
        return catalog.listing_for_view(listing_id, buyer)
    except ListingNotFoundError:
        if order_queries.live_order(buyer, listing_id) is None:
            raise
        raise WithdrawnError(
            _("The seller has taken this off sale. Nothing was charged, and nothing will be.")
        ) from None


def start_checkout(
    *,
    buyer: User,
    listing_id: uuid.UUID,
    seen: str,
    site: str,
    language: str,
    now: dt.datetime,
) -> Started:
    """Begin to buy: one order and one hosted page, however often it is pressed.

    `seen` is the token of the terms on the page that the buyer pressed; `site` the origin
    (https://shop.example) they came by and return to. What is free is theirs at once. Raises ListingNotFoundError, OwnListingError, AlreadyOwnedError,
    TermsChangedError, WithdrawnError, PaymentsUnavailableError, PaymentRefusedError;
    then nothing was charged.
    """
    try:
        listing = listing_to_buy(listing_id, buyer)
    except WithdrawnError:
        _close_pending(buyer, listing_id, now=now)
        raise
    _release_spent(buyer, listing_id, now=now)
    for _attempt in range(_ATTEMPTS):
        order = orders.open_order(buyer=buyer, listing_id=listing_id, language=language)
        if order_queries.terms_of(order) != order_queries.terms_of(listing):
            # Begun at another price: that page must not be paid any more.
            order = _close(order, now=now)
        elif payment_queries.outcome_of(order.pk) is not None:
            order = settle_order(order_id=order.pk, now=now)
        if order.state == _State.PAID or _is_processing(order):
            return Started(order, None)
        if order.state != _State.PENDING:
            continue
        _check_seen(listing, seen)
        if order.price_minor == 0:
            return Started(_give(order, now=now), None)
        try:
            return Started(order, _pay_url(order, site, now=now))
        except PaymentClosedError:
            continue  # it ended in this moment; the next round finds out how
        except PaymentRefusedError:
            orders.mark_expired(order_id=order.pk)
            raise
    raise TermsChangedError(_("This listing is changing right now. Try again in a moment."))


def _release_spent(buyer: User, listing_id: uuid.UUID, *, now: dt.datetime) -> None:
    """A rental that is over, or what was passed on, does not keep its buyer from a new one."""
    order = order_queries.live_order(buyer, listing_id)
    if order is not None and order.state == _State.PAID and licensing.is_spent(order.pk, now=now):
        orders.mark_spent(order_id=order.pk)


def _check_seen(listing: Listing, seen: str) -> None:
    terms = order_queries.terms_of(listing)
    if seen != terms.token:
        raise TermsChangedError(
            _(
                "The seller changed this listing while you were looking at it. The price is"
                " %(price)s now. Nothing was charged; look again, then go on."
            )
            % {"price": terms.price}
        )


def _is_processing(order: Order) -> bool:
    outcome = payment_queries.outcome_of(order.pk)
    return outcome is not None and outcome.state == "processing"


@transaction.atomic
def _give(order: Order, *, now: dt.datetime) -> Order:
    """What is free is granted without Stripe; a double click grants it once."""
    if orders.mark_paid(order_id=order.pk, now=now):
        fulfil(order.pk, now=now)
    return order_queries.order_by_id(order.pk)


def _pay_url(order: Order, site: str, *, now: dt.datetime) -> str:
    payment = payments.start_payment(
        order_id=order.pk,
        amount=order.price,
        title=order.title,
        email=order.buyer.email,
        success_url=site + reverse("checkout:order", args=[order.pk]),
        cancel_url=f"{site}{reverse('checkout:buy', args=[order.listing_id])}?cancelled=1",
        now=now,
    )
    return payment.checkout_url


def _close(order: Order, *, now: dt.datetime) -> Order:
    """End the order's hosted page. It may turn out to be paid: then the order is, too."""
    payments.close_payment(order_id=order.pk, now=now)
    order = settle_order(order_id=order.pk, now=now)
    if order.state == _State.PENDING and payment_queries.outcome_of(order.pk) is None:
        orders.mark_expired(order_id=order.pk)
        order = order_queries.order_by_id(order.pk)
    return order


def _close_pending(buyer: User, listing_id: uuid.UUID, *, now: dt.datetime) -> None:
    order = order_queries.live_order(buyer, listing_id)
    if order is None or order.state != _State.PENDING:
        return
    if _close(order, now=now).state == _State.PAID:
        raise AlreadyOwnedError(_("You own this already. It is in your library."))
