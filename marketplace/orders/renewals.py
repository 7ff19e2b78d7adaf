"""The order of a period of a subscription that Stripe has charged by itself."""

from __future__ import annotations

from django.db import transaction

from marketplace.catalog.types import Listing
from marketplace.core.money import Money
from marketplace.orders.models import Bill, Order
from marketplace.orders.numbers import new_number

__all__ = ["open_renewal", "tax_number_of"]


def tax_number_of(listing: Listing) -> str:
    """The VAT or GST number of a listing's seller, as an order keeps it; "" without one."""
    seller = getattr(listing.seller, "seller", None)
    return seller.tax_number if seller else ""


@transaction.atomic
def open_renewal(*, first: Order, amount: Money, fee: Money, pool: Money) -> Order:
    """A pending order for one more period of what `first` began, on a bill of its own.

    It is made spent: only the first order of a subscription stands in the way of another.
    `fee` is what the platform keeps of `amount`, `pool` what is set aside for delivery.
    """
    bill = Bill.objects.create(buyer_id=first.buyer_id, currency=amount.currency)
    return Order.objects.create(
        number=new_number(),
        buyer_id=first.buyer_id,
        bill=bill,
        listing_id=first.listing_id,
        package_id=first.package_id,
        kind=Order.Kind.SUBSCRIPTION,
        title=first.title,
        list_minor=amount.minor,
        price_minor=amount.minor,
        fee_minor=fee.minor,
        pool_minor=pool.minor,
        currency=amount.currency,
        rights=first.rights,
        spent=True,
        seller_tax_number=tax_number_of(first.listing),
        language=first.language,
    )
