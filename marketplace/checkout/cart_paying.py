"""From the cart to the hosted page: what was shown is what is paid, or nothing is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout.carting import UserCart
from marketplace.checkout.errors import CartChangedError
from marketplace.checkout.starting import start_checkout
from marketplace.checkout.sums import Extras
from marketplace.checkout.types import Started

__all__ = ["pay_cart"]


def pay_cart(
    *,
    buyer: User,
    currency: str,
    shown: Mapping[str, str],
    extras: Extras,
    site: str,
    language: str,
    now: dt.datetime,
) -> Started:
    """Begin to pay for all that is in the cart in one currency.

    `shown` is the page that was pressed: the id of each item and what was said at its line
    (`CartLine.shown`); `extras` the discount code and whether to use credit. Where the cart is
    another by now nothing is begun. Raises CartChangedError and what `start_checkout` raises;
    then nothing was charged.
    """
    payment = UserCart(buyer).look(now=now).payment_in(currency)
    lines = () if payment is None else payment.lines
    now_there = {str(line.item.pk): line.shown for line in lines}
    if not lines or now_there != dict(shown):
        raise CartChangedError(
            _(
                "Your cart has changed since this page was opened, perhaps in another window."
                " Nothing was charged; this is how it stands now."
            )
        )
    if payment is None or not payment.ready:
        raise CartChangedError(
            _("Something in your cart needs a decision first. Nothing was charged.")
        )
    return start_checkout(
        buyer=buyer,
        wishes=[line.wish for line in lines],
        code=extras.code,
        use_credit=extras.use_credit,
        site=site,
        language=language,
        now=now,
    )
