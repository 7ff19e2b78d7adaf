"""Withdrawing from a purchase, as the law lets a buyer who has not begun to use it."""

from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout.errors import WithdrawalNotPossibleError
from marketplace.checkout.settling import settle_order, share_of
from marketplace.licensing import queries as entitlements
from marketplace.licensing import services as licensing
from marketplace.orders import queries as order_queries
from marketplace.orders import services as orders
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import (
    NothingToRefundError,
    PaymentsUnavailableError,
    RefundRefusedError,
)

__all__ = ["may_withdraw", "withdraw_order", "withdrawal_ends"]

_State = Order.State


def withdrawal_ends(order: Order) -> dt.datetime | None:
    """Until when its buyer may withdraw; None where it was not paid, or never could be."""
    once = order.price_minor > 0 and order.kind != Order.Kind.SUBSCRIPTION
    if order.paid_at is None or not once or not settings.WITHDRAWAL_DAYS:
        return None
    return order.paid_at + dt.timedelta(days=settings.WITHDRAWAL_DAYS)


def may_withdraw(order: Order, *, now: dt.datetime) -> bool:
    """Whether its buyer may withdraw now: paid, in time, not disputed, fetched to no device."""
    ends = withdrawal_ends(order)
    return (
        order.state == _State.PAID
        and ends is not None
        and now < ends
        and entitlements.is_unopened(order.pk)
        and payment_queries.blocks_refund(order.bill_id) is None
    )


def withdraw_order(*, order_id: uuid.UUID, by: User, now: dt.datetime) -> Order:
    """End what `by` bought, and send all the money back. Asked twice it happens once.

    It ends at once, so that nothing is fetched while the money is on its way; where Stripe
    cannot be reached, that is sent later. Raises OrderNotFoundError,
    WithdrawalNotPossibleError, licensing's WasOpenedError, RefundRefusedError; then the
    purchase stands as before.
    """
    order = order_queries.order_of(by, order_id)
    if order.state == _State.REFUNDED:
        return order  # the second of two clicks
    _end(order, now=now)
    try:
        payments.refund_payment(
            bill_id=order.bill_id,
            share=share_of(order),
            reason=_("The buyer withdrew from the purchase"),
        )
    except NothingToRefundError:
        pass  # it went back at Stripe in this moment; settling finds out
    except PaymentsUnavailableError:
        return order_queries.order_by_id(order.pk)  # written down: the sweep asks again
    except RefundRefusedError:
        cause = f"withdrawal-refused:{now.isoformat()}"
        licensing.restore(order_id=order.pk, cause=cause, now=now)
        raise
    return settle_order(order_id=order.pk, now=now)


@transaction.atomic
def _end(order: Order, *, now: dt.datetime) -> None:
    orders.lock_bill(order.bill_id)
    order = order_queries.order_by_id(order.pk)
    ends = withdrawal_ends(order)
    if order.state != _State.PAID or ends is None:
        raise WithdrawalNotPossibleError(
            _("There is nothing to withdraw from: this was not paid, or has ended already.")
        )
    if payment_queries.blocks_refund(order.bill_id) is not None:
        raise WithdrawalNotPossibleError(
            _("Your bank is asking about this payment, so the money comes back by your bank.")
        )
    if now >= ends:
        raise WithdrawalNotPossibleError(
            _("The days to withdraw from this are over. Ask the seller for a refund.")
        )
    cause = f"withdrawal:{now.isoformat()}"
    licensing.withdraw(order_id=order.pk, cause=cause, now=now, only_unopened=True)
