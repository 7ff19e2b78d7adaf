"""The tables of this app, for annotations elsewhere, and what an order agrees on."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from drm.encoding import canonical_json
from marketplace.catalog.types import Listing
from marketplace.core.money import Money
from marketplace.orders.cart_models import CartItem
from marketplace.orders.cart_types import CART_MAX, CartWish, price_in_token
from marketplace.orders.models import Bill, Order

__all__ = [
    "CART_MAX",
    "Bill",
    "CartItem",
    "CartWish",
    "Line",
    "Order",
    "Terms",
    "price_in_token",
]


@dataclass(frozen=True, slots=True)
class Terms:
    """What buyer and seller agree on: the package, its price, and what the buyer may do.

    `rights` as in the licence; `start_days` to begin watching a rental, None for a purchase.
    """

    package_id: str
    price: Money
    rights: Mapping[str, Any]
    start_days: int | None = None

    @property
    def token(self) -> str:
        """The terms in one word: a form carries it to say which terms the buyer saw."""
        agreed = canonical_json({"rights": dict(self.rights), "start_days": self.start_days})
        may = hashlib.sha256(agreed).hexdigest()[:16]
        return f"{self.package_id}:{self.price.minor}:{self.price.currency}:{may}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """One listing as it goes into a bill: what was agreed, and how its price is made up.

    `terms.price` is what the listing costs on its own; less `discount` the buyer owes it, of
    which `credit` is paid by shop credit. `fee` is what the platform keeps, `pool` what is set
    aside for delivery (None: nothing). A line with a `recipient_email` is a present.
    """

    listing: Listing
    terms: Terms
    discount: Money
    credit: Money
    fee: Money
    pool: Money | None = None
    kind: str = Order.Kind.PURCHASE
    recipient_email: str = ""
    present_message: str = ""
    bundle_id: uuid.UUID | None = None

    @property
    def price(self) -> Money:
        """What the buyer owes for it."""
        return Money(self.terms.price.minor - self.discount.minor, self.terms.price.currency)

    @property
    def cash(self) -> Money:
        """What of it is paid by Stripe."""
        return Money(self.price.minor - self.credit.minor, self.price.currency)
