"""What a payment's state means for its orders and for the right to open what was bought.

`settle_bill` is the one way there: the webhook, the return page and the sweep all
come through it, as often as they like. It reads at Stripe, records, and then moves
orders and entitlements in one transaction, deciding by the recorded rows alone: they
only move forwards, so neither repeated nor reordered events can undo anything.
"""

from __future__ import annotations

import datetime as dt
import logging
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.catalog.errors import SoldOutError
from marketplace.checkout import booking, consequences, distributing
from marketplace.core.money import Money
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.errors import LiveOrderExistsError
from marketplace.orders.types import Bill, Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import PaymentMismatchError
from marketplace.payments.types import Payment, PaymentOutcome

__all__ = ["close_bill", "settle_bill", "settle_order", "share_of"]

logger = logging.getLogger(__name__)

_Order = Order.State
_Payment = Payment.State


def settle_bill(*, bill_id: uuid.UUID, now: dt.datetime) -> Bill:
    """Bring a bill's orders to where its payment stands at Stripe. Returns it as it is then.

    Raises PaymentsUnavailableError, PaymentMismatchError; then nothing was changed.
    """
    payments.refresh_payment(bill_id=bill_id, now=now)
    for order in _apply(bill_id, now=now):
        _give_back(order, now=now)
    distributing.distribute_quietly(bill_id)
    return order_queries.bill_by_id(bill_id)


def settle_order(*, order_id: uuid.UUID, now: dt.datetime) -> Order:
    """The same for the bill of an order. Returns the order as it is then."""
    bill_id = order_queries.order_by_id(order_id).bill_id
    settle_bill(bill_id=bill_id, now=now)
    return order_queries.order_by_id(order_id)


def close_bill(bill: Bill, *, now: dt.datetime) -> Bill:
    """End the bill's hosted page. It may turn out to be paid: then its orders are, too."""
    payments.close_payment(bill_id=bill.pk, now=now)
    if payment_queries.outcome_of(bill.pk) is None:
        consequences.expire(bill, now=now)
        return order_queries.bill_by_id(bill.pk)
    return settle_bill(bill_id=bill.pk, now=now)


def share_of(order: Order) -> payments.Share:
    """What of its bill's payment is the order's."""
    return payments.Share(order.pk, order.cash.minor, order.credit_minor)


@transaction.atomic
def _apply(bill_id: uuid.UUID, *, now: dt.datetime) -> list[Order]:
    """Move the orders after their payment. Returns those whose money has to go back."""
    # The bill's lock comes first: what is read behind it is the newest that is known.
    begun = orders.lock_bill(bill_id)
    outcome = payment_queries.outcome_of(bill_id)
    match outcome.state if outcome else None:
        case _Payment.SUCCEEDED | _Payment.REFUNDED:
            assert outcome is not None
            _check_price(begun, outcome)
            consequences.arrived(begun[0].bill, begun, now=now)
            astray = [order for order in begun if not _follow(order, outcome, now=now)]
            booking.book_bill(bill_id, now=now)
            return astray
        case _Payment.FAILED | _Payment.EXPIRED:
            consequences.expire(begun[0].bill, now=now)
    return []


def _check_price(begun: Sequence[Order], outcome: PaymentOutcome) -> None:
    """Goods go out for the orders' own prices, whatever was paid: a guard of the last step."""
    owed = Money(sum(order.cash.minor for order in begun), begun[0].currency)
    if outcome.amount != owed:
        names = ", ".join(order.number for order in begun)
        raise PaymentMismatchError(f"{names} cost {owed}, and {outcome.amount} was paid")


def _follow(order: Order, whole: PaymentOutcome, *, now: dt.datetime) -> bool:
    """Move one order. Returns False where its money has to go back."""
    own = payment_queries.outcome_for(order.pk, order.bill_id)
    assert own is not None, "it is an outcome of the same payment"
    back = own.refunded.minor + own.credited.minor
    # Who gives all the cash back at Stripe means all. From our own pages a part may be just that.
    all_back = whole.state == _Payment.REFUNDED and whole.at_stripe and order.cash.minor > 0
    try:
        if all_back or (order.price_minor and back >= order.price_minor):
            consequences.refunded(order, now=now)
        elif order.state == _Order.REFUNDED:
            if whole.refund_failed:
                consequences.reinstated(order, now=now)
        else:
            if order.state == _Order.EXPIRED:
                consequences.keep_copy(order, now=now)
            if orders.mark_paid(order_id=order.pk, now=now):
                consequences.fulfil(order_queries.order_by_id(order.pk), now=now)
            if back != order.refunded_minor and order.state != _Order.CHARGED_BACK:
                consequences.partly_refunded(order, total_minor=back, now=now)
            if own.refund_failed and not own.refund_pending:
                consequences.kept(order, now=now)
    except (LiveOrderExistsError, SoldOutError):
        return False
    return True


def _make_way(order: Order, *, now: dt.datetime) -> bool:
    """Take back the buyer's newer order of the same: whether the older may stand again.

    A refund that failed leaves the buyer without money and goods, and an open page is no
    reason to. Where the newer is paid as well, its money can still go back: else they would
    have been charged twice. Raises PaymentsUnavailableError, RefundRefusedError.
    """
    newer = order_queries.live_order(order.buyer, order.listing_id)
    if newer is None or newer.bill_id == order.bill_id:
        return False
    if newer.state == _Order.PENDING:
        close_bill(newer.bill, now=now)
    elif (outcome := payment_queries.outcome_for(newer.pk, newer.bill_id)) is not None:
        if outcome.refund_failed or outcome.refund_pending:
            return False
        reason = _("Paid once more after a refund that failed")
        payments.refund_payment(bill_id=newer.bill_id, share=share_of(newer), reason=reason)
        _apply(newer.bill_id, now=now)
    return order_queries.order_by_id(newer.pk).state in (_Order.EXPIRED, _Order.REFUNDED)


def _give_back(order: Order, *, now: dt.datetime) -> None:
    """The buyer has another order for it by now, or it is sold out: all of its money returns.

    Raises PaymentsUnavailableError, RefundRefusedError.
    """
    outcome = payment_queries.outcome_for(order.pk, order.bill_id)
    if outcome is None or outcome.refund_failed:
        if _make_way(order, now=now):
            _apply(order.bill_id, now=now)
            return
        # Trying again by itself would go round in circles; a person has to look.
        logger.error("order %s was paid besides another one and cannot be refunded", order.pk)
        return
    payments.refund_payment(
        bill_id=order.bill_id, share=share_of(order), reason=_("Paid after a new order was made")
    )
    _apply(order.bill_id, now=now)
