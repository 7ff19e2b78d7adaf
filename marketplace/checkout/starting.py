"""From the buy page to the hosted page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from django.db import transaction
from django.urls import reverse
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout import consequences, distributing
from marketplace.checkout.errors import (
    StillProcessingError,
    TermsChangedError,
    WithdrawnError,
)
from marketplace.checkout.quoting import listing_to_buy, quote, seen_token
from marketplace.checkout.settling import close_bill, settle_bill
from marketplace.checkout.types import Quote, Started, Wish
from marketplace.licensing import queries as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import AlreadyOwnedError
from marketplace.orders.types import Bill, Line, Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentClosedError, PaymentRefusedError
from marketplace.payments.types import Item, Payment

__all__ = ["start_checkout"]

_ATTEMPTS = 4  # an old bill may have to be closed first, and a rival may be doing the same
_State = Order.State


def start_checkout(
    *,
    buyer: User,
    wishes: Sequence[Wish],
    site: str,
    language: str,
    now: dt.datetime,
    code: str = "",
    use_credit: bool = False,
) -> Started:
    """Begin to buy: one bill and one hosted page, however often it is pressed.

    `site` is the origin (https://shop.example) that the buyer came by and returns to. What
    is free is theirs at once. Raises what `quote` raises, OwnListingError,
    AlreadyOwnedError, StillProcessingError, TermsChangedError, PaymentsUnavailableError,
    PaymentRefusedError; then nothing was charged.
    """
    for wish in wishes:
        _make_way(wish, buyer, now=now)
    for _attempt in range(_ATTEMPTS):
        asked = quote(buyer=buyer, wishes=wishes, code=code, use_credit=use_credit, now=now)
        bill = _live_bill(buyer, asked, now=now)
        if bill is not None and not _is_pending(bill):
            return Started(bill, None)  # paid, or the money is on its way
        _check_seen(asked, wishes, now=now)
        if bill is None:
            bill = _open(buyer, asked, language, now=now)
        if bill is None:
            continue  # a rival was first; the next round finds theirs
        if asked.cash.minor == 0:
            return Started(_give(bill, now=now), None)
        try:
            return Started(bill, _pay_url(bill, site, now=now))
        except PaymentClosedError:
            continue  # it ended in this moment; the next round finds out how
        except PaymentRefusedError as error:
            consequences.expire(bill, now=now)
            if distributing.was_about_destination(error, bill):
                continue  # the seller's account takes no money by now; the platform's does
            raise
    raise TermsChangedError(_("This listing is changing right now. Try again in a moment."))


def _make_way(wish: Wish, buyer: User, *, now: dt.datetime) -> None:
    """What was taken off sale must not be paid any more; what is over may be bought again."""
    try:
        listing_to_buy(wish, buyer)
    except WithdrawnError:
        for order in order_queries.live_orders(buyer, [(wish.listing_id, wish.recipient_email)]):
            if order.state == _State.PENDING:
                order = _own(close_bill(order.bill, now=now), order)
            if order.state == _State.PAID and not order.is_present:
                raise _owned() from None
        raise
    if wish.recipient_email:
        return
    order_ = order_queries.live_order(buyer, wish.listing_id)
    paid = order_ is not None and order_.state == _State.PAID
    if order_ is not None and paid and licensing.is_spent(order_.pk, now=now):
        orders.mark_spent(order_id=order_.pk)


def _live_bill(buyer: User, asked: Quote, *, now: dt.datetime) -> Bill | None:
    """The bill that is under way for just this; what is under way for else is closed first.

    Settled: its orders say where the payment stands at Stripe. None where there is none.
    """
    wanted = [(line.listing.pk, line.recipient_email) for line in asked.lines]
    for order in order_queries.live_orders(buyer, wanted):
        if order.state == _State.PAID:
            raise _owned()
        bill = order_queries.bill_by_id(order.bill_id)
        same = _is_for(bill, asked)
        if not same:
            # Begun at another price, or with other things: that page must not be paid any more.
            bill = close_bill(bill, now=now)
        elif payment_queries.outcome_of(bill.pk) is not None:
            bill = settle_bill(bill_id=bill.pk, now=now)
        state = _own(bill, order).state
        if state == _State.PENDING or (state == _State.PAID and len(asked.lines) == 1):
            if not same and len(asked.lines) > 1:
                raise StillProcessingError(
                    _(
                        "“%(title)s” is being paid for right now. Take it out of the cart, or wait"
                        " until that payment is through."
                    )
                    % {"title": order.title}
                )
            return bill
        if state == _State.PAID:
            raise _owned()
    return None


def _own(bill: Bill, order: Order) -> Order:
    return next(other for other in bill.orders.all() if other.pk == order.pk)


def _is_for(bill: Bill, asked: Quote) -> bool:
    """Whether the bill has the quote's lines, at the same prices."""
    begun = [order for order in bill.orders.all() if order.state == _State.PENDING]
    return bill.code == asked.code and {_print(order) for order in begun} == {
        _line_print(line) for line in asked.lines
    }


def _print(order: Order) -> tuple[object, ...]:
    terms = order_queries.terms_of(order)
    amounts = (order.discount_minor, order.credit_minor)
    return (order.listing_id, terms.token, amounts, order.recipient_email, order.bundle_id)


def _line_print(line: Line) -> tuple[object, ...]:
    amounts = (line.discount.minor, line.credit.minor)
    return (line.listing.pk, line.terms.token, amounts, line.recipient_email, line.bundle_id)


def _is_pending(bill: Bill) -> bool:
    """Whether it can still be paid: nothing of it is paid, and no money is on its way."""
    outcome = payment_queries.outcome_of(bill.pk)
    if outcome is not None and outcome.state == Payment.State.PROCESSING:
        return False
    return all(order.state == _State.PENDING for order in bill.orders.all())


def _check_seen(asked: Quote, wishes: Sequence[Wish], *, now: dt.datetime) -> None:
    for line, wish in zip(asked.lines, wishes, strict=True):
        if wish.seen != seen_token(line, now=now):
            raise TermsChangedError(
                _(
                    "The seller changed this listing while you were looking at it. The price is"
                    " %(price)s now. Nothing was charged; look again, then go on."
                )
                % {"price": line.terms.price.localised()}
            )


def _open(buyer: User, asked: Quote, language: str, *, now: dt.datetime) -> Bill | None:
    with transaction.atomic():
        bill = orders.open_bill(buyer=buyer, lines=asked.lines, language=language, code=asked.code)
        if bill is None:
            return None
        consequences.opened(bill, now=now)
    return order_queries.bill_by_id(bill.pk)


def _give(bill: Bill, *, now: dt.datetime) -> Bill:
    """What costs no money is granted without Stripe; a double click grants it once."""
    begun = list(bill.orders.all())
    if any(order.credit_minor for order in begun):
        payments.pay_by_credit(
            bill_id=bill.pk,
            currency=bill.currency,
            sole_order_id=begun[0].pk if len(begun) == 1 else None,
            now=now,
        )
    consequences.pay(bill, now=now)
    return order_queries.bill_by_id(bill.pk)


def _pay_url(bill: Bill, site: str, *, now: dt.datetime) -> str:
    begun = list(bill.orders.all())
    one = begun[0] if len(begun) == 1 else None
    payment = payments.start_payment(
        bill_id=bill.pk,
        items=[Item(order.title, order.cash) for order in begun],
        email=bill.buyer.email,
        sole_order_id=one.pk if one else None,
        success_url=site + _page_of(bill, one),
        cancel_url=site + _back_from(bill, begun),
        now=now,
        destination=distributing.destination_for(bill),
    )
    return payment.checkout_url


def _back_from(bill: Bill, begun: Sequence[Order]) -> str:
    """Where somebody goes on who leaves the hosted page without paying: where they came from."""
    inside = {(i.listing_id, i.recipient_email) for i in order_queries.cart_items(bill.buyer)}
    if {(order.listing_id, order.recipient_email) for order in begun} <= inside:
        return reverse("checkout:cart") + "?cancelled=1"
    if len(begun) > 1:
        return _page_of(bill, None)
    name = "checkout:gift" if begun[0].is_present else "checkout:buy"
    return reverse(name, args=[begun[0].listing_id]) + "?cancelled=1"


def _page_of(bill: Bill, one: Order | None) -> str:
    if one is not None:
        return reverse("checkout:order", args=[one.pk])
    return reverse("checkout:bill", args=[bill.pk])


def _owned() -> AlreadyOwnedError:
    return AlreadyOwnedError(_("You own this already. It is in your library."))
