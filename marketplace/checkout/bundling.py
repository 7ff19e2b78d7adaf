"""Bundles at the checkout: a bundle is bought whole, less what its buyer owns.

Each listing of it is a line of its own with its share as its price. The shares are reckoned
here, and hold for all of the lines or for none: nobody picks one thing out at its share.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.catalog import queries as catalog
from marketplace.catalog.types import Bundle, BundleOffer
from marketplace.checkout.errors import TermsChangedError
from marketplace.checkout.types import Wish
from marketplace.core.money import Money
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Order

__all__ = ["Place", "bundle_prices", "offer_to", "place_of"]

# A wish's place in a quote: what is bought, for whom, and in which bundle.
Place = tuple[uuid.UUID, str, uuid.UUID | None]


def place_of(wish: Wish) -> Place:
    return wish.listing_id, wish.recipient_email, wish.bundle_id


def offer_to(
    buyer: User, bundle: Bundle, *, present: bool = False, now: dt.datetime
) -> BundleOffer:
    """The bundle as it is to `buyer`: without what they own; whole, where it is a present."""
    owned = set()
    if not present:
        ids = [item.listing_id for item in bundle.items.all()]
        owned = {listing_id for listing_id in ids if _has(buyer, listing_id)}
    return catalog.bundle_offer(bundle, owned=owned, now=now)


def _has(buyer: User, listing_id: uuid.UUID) -> bool:
    """Whether it is theirs for good, or paid for and running. What they borrow is neither."""
    order = order_queries.live_order(buyer, listing_id)
    paid = order is not None and order.state == Order.State.PAID
    return paid or licensing.owns_for_good(buyer, listing_id)


def bundle_prices(buyer: User, wishes: Sequence[Wish], *, now: dt.datetime) -> dict[Place, Money]:
    """What each wish within a bundle costs as a part of it.

    Raises BundleNotFoundError, and TermsChangedError where the wishes are not all that the
    bundle is to this buyer now: then the page has to be looked at again.
    """
    prices: dict[Place, Money] = {}
    bundles = dict.fromkeys(
        (wish.bundle_id, wish.recipient_email) for wish in wishes if wish.bundle_id is not None
    )
    for bundle_id, recipient in bundles:
        assert bundle_id is not None, "only wishes within bundles were taken"
        bundle = catalog.bundle_for_view(bundle_id, buyer)
        offer = offer_to(buyer, bundle, present=bool(recipient), now=now)
        own: dict[Place, Money] = {
            (line.listing.pk, recipient, bundle_id): line.price for line in offer.bought
        }
        asked = [place_of(wish) for wish in wishes if place_of(wish)[1:] == (recipient, bundle_id)]
        if sorted(own, key=str) != sorted(asked, key=str):
            raise TermsChangedError(
                _(
                    "The bundle “%(title)s” changed while you were looking at it. Nothing was"
                    " charged; look again, then go on."
                )
                % {"title": bundle.title}
            )
        prices |= own
    return prices
