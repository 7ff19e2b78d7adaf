"""An order as the checkout opens it: a bill with one line, at the listing's own price."""

from __future__ import annotations

from marketplace.accounts.models import User
from marketplace.catalog.models import Listing
from marketplace.core.money import Money
from marketplace.orders import queries, services
from marketplace.orders.models import Order
from marketplace.orders.types import Line

__all__ = ["line_of", "open_order"]


def line_of(listing: Listing, *, discount: int = 0, credit: int = 0, recipient: str = "") -> Line:
    return Line(
        listing=listing,
        terms=queries.terms_of(listing),
        discount=Money(discount, listing.currency),
        credit=Money(credit, listing.currency),
        fee=Money(0, listing.currency),
        recipient_email=recipient,
    )


def open_order(buyer: User, listing: Listing, *, language: str = "en") -> Order:
    """A new pending order. Fails where the buyer has a live one."""
    listing = Listing.objects.get(pk=listing.pk)
    bill = services.open_bill(buyer=buyer, lines=[line_of(listing)], language=language)
    assert bill is not None
    return bill.orders.get()
