"""Giving a buyer's money back, by the seller or the operator."""

from __future__ import annotations

import datetime as dt
import uuid

from django.utils.translation import gettext as _

from marketplace.accounts.types import User
from marketplace.checkout.errors import RefundNotPossibleError
from marketplace.checkout.settling import settle_order, share_of
from marketplace.core.money import Money
from marketplace.orders import queries as order_queries
from marketplace.orders.types import Order
from marketplace.payments import queries as payment_queries
from marketplace.payments import services as payments
from marketplace.payments.errors import NothingToRefundError

__all__ = ["order_to_refund", "refund_order"]


def order_to_refund(order_id: uuid.UUID, by: User) -> Order:
    """An order that `by` may refund: a sale of their own, or any for the operator.

    Raises OrderNotFoundError, RefundNotPossibleError.
    """
    order = order_queries.order_for_sale(order_id, by)
    if order.state == Order.State.REFUNDED:
        raise RefundNotPossibleError(
            _("This order was refunded already; nothing is left to give back.")
        )
    if order.state == Order.State.CHARGED_BACK:
        raise RefundNotPossibleError(
            _("The buyer’s bank has taken this money back; nothing is left to give back.")
        )
    if order.state != Order.State.PAID:
        raise RefundNotPossibleError(
            _("This order was not paid, so there is nothing to give back.")
        )
    if payment_queries.blocks_refund(order.bill_id) is not None:
        raise RefundNotPossibleError(
            _(
                "The buyer’s bank has this money already: the payment is disputed. Answer the"
                " dispute instead: a refund besides would pay twice."
            )
        )
    if order.price_minor == 0:
        raise RefundNotPossibleError(_("This was free, so there is nothing to give back."))
    return order


def refund_order(
    *,
    order_id: uuid.UUID,
    by: User,
    reason: str,
    now: dt.datetime,
    amount: Money | None = None,
    key: uuid.UUID | None = None,
) -> Order:
    """Give `amount` back, or all that is left; when all of it is on its way, access ends.

    Asked twice it refunds once: for a part, where both name the same `key`. Returns the
    order: still paid while the refund is pending. Raises OrderNotFoundError,
    RefundNotPossibleError, PaymentsUnavailableError (asking again is safe),
    RefundRefusedError; then access stays as it was.
    """
    order = order_queries.order_for_sale(order_id, by)
    if order.state == Order.State.PAID:
        # A part may have gone back at Stripe's own dashboard; only the rest is left.
        order = settle_order(order_id=order.pk, now=now)
    if order.state == Order.State.REFUNDED:
        return order  # the second of two clicks, or it was done at Stripe
    order = order_to_refund(order_id, by)
    if amount is not None and amount.currency != order.currency:
        raise RefundNotPossibleError(_("The order was paid in another currency."))
    try:
        payments.refund_payment(
            bill_id=order.bill_id,
            share=share_of(order),
            reason=reason,
            amount_minor=None if amount is None else amount.minor,
            key=key,
        )
    except NothingToRefundError as error:
        raise RefundNotPossibleError(str(error)) from None
    return settle_order(order_id=order.pk, now=now)
