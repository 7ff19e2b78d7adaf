"""From the buy page to the hosted page."""

from __future__ import annotations

import datetime as dt
import uuid
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
from marketplace.checkout.presents import check_presents
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
    AlreadyOwnedError, StillProcessingError, TermsChangedError, PresentClosedError (too many
    for free), PaymentsUnavailableError, PaymentRefusedError; then nothing was charged.
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
            check_presents(asked.lines, buyer, now=now)
            bill = _open(buyer, asked, language, now=now)
        if bill is None:
            continue  # a rival was first; the next round finds theirs
        if asked.cash.minor == 0:
            return Started(bill, None)
        try:
            return Started(bill, _pay_url(bill, site))
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
        same = _is_for(bill, asked) and payment_queries.outcome_of(bill.pk) is not None
        # Begun at another price, or with other things, that page must not be paid any more.
        bill = settle_bill(bill_id=bill.pk, now=now) if same else close_bill(bill, now=now)
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
    """A bill with what is set aside for it and its payment, or nothing of it.

    In one transaction: a rival who closed it in between would free its credit and its use of
    a code, and it would be paid with them all the same.
    """
    with transaction.atomic():
        bill = orders.open_bill(buyer=buyer, lines=asked.lines, language=language, code=asked.code)
        if bill is None:
            return None
        consequences.opened(bill, now=now)
        if asked.cash.minor:
            payments.intend_payment(
                bill_id=bill.pk,
                amount=asked.cash,
                sole_order_id=_sole(bill),
                now=now,
                destination=distributing.destination_for(bill),
            )
        else:
            _give(bill, now=now)
    return order_queries.bill_by_id(bill.pk)


def _give(bill: Bill, *, now: dt.datetime) -> None:
    """What costs no money is granted without Stripe."""
    if any(order.credit_minor for order in bill.orders.all()):
        payments.pay_by_credit(
            bill_id=bill.pk, currency=bill.currency, sole_order_id=_sole(bill), now=now
        )
    consequences.pay(bill, now=now)


def _sole(bill: Bill) -> uuid.UUID | None:
    """The order of a bill that has just one."""
    begun = list(bill.orders.all())
    return begun[0].pk if len(begun) == 1 else None


def _pay_url(bill: Bill, site: str) -> str:
    begun = list(bill.orders.all())
    one = begun[0] if len(begun) == 1 else None
    payment = payments.start_payment(
        bill_id=bill.pk,
        items=[Item(order.title, order.cash) for order in begun],
        email=bill.buyer.email,
        success_url=site + _page_of(bill, one),
        cancel_url=site + _back_from(bill, begun),
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
