"""Withdrawing from a purchase, as the law lets a buyer who has not begun to use it."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

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

__all__ = ["may_withdraw", "withdraw_order", "withdrawal_ends", "withdrawn_with"]

_State = Order.State


def withdrawal_ends(order: Order) -> dt.datetime | None:
    """Until when its buyer may withdraw; None where it was not paid, or never could be."""
    once = order.price_minor > 0 and order.kind != Order.Kind.SUBSCRIPTION
    if order.paid_at is None or not once or not settings.WITHDRAWAL_DAYS:
        return None
    return order.paid_at + dt.timedelta(days=settings.WITHDRAWAL_DAYS)


def may_withdraw(order: Order, *, now: dt.datetime) -> bool:
    """Whether its buyer may withdraw now: paid, in time, not disputed, fetched to no device.

    Of a bundle that goes for all of its parts.
    """
    return all(_may(part, now=now) for part in withdrawn_with(order))


def _may(order: Order, *, now: dt.datetime) -> bool:
    ends = withdrawal_ends(order)
    return (
        order.state == _State.PAID
        and ends is not None
        and now < ends
        and entitlements.is_unopened(order.pk)
        and payment_queries.blocks_refund(order.bill_id) is None
    )


def withdrawn_with(order: Order) -> list[Order]:
    """What is withdrawn from together with an order, itself among it.

    A bundle is bought whole, and so it goes back: else whoever wants one thing of it would buy
    it at its share. What of it went back already, or cost nothing, is left out.
    """
    if order.bundle_id is None:
        return [order]
    parts = order_queries.bill_by_id(order.bill_id).orders.all()
    return [part for part in parts if part.pk == order.pk or _goes_with(part, order)]


def _goes_with(part: Order, order: Order) -> bool:
    same = (part.bundle_id, part.recipient_email) == (order.bundle_id, order.recipient_email)
    return same and part.state == _State.PAID and part.price_minor > 0


def withdraw_order(*, order_id: uuid.UUID, by: User, now: dt.datetime) -> Order:
    """End what `by` bought, with its bundle, and send all the money back. Asked twice it
    happens once.

    It ends at once, so that nothing is fetched while the money is on its way; where Stripe
    cannot be reached, that is sent later. Raises OrderNotFoundError,
    WithdrawalNotPossibleError, licensing's WasOpenedError, RefundRefusedError; then the
    purchase stands as before.
    """
    order = order_queries.order_of(by, order_id)
    if order.state == _State.REFUNDED:
        return order  # the second of two clicks
    parts = withdrawn_with(order)
    _end(parts, now=now)
    refused, waits = None, False
    for part in parts:
        try:
            payments.refund_payment(
                bill_id=part.bill_id,
                share=share_of(part),
                reason=_("The buyer withdrew from the purchase"),
            )
        except NothingToRefundError:
            pass  # it went back at Stripe in this moment; settling finds out
        except PaymentsUnavailableError:
            waits = True  # written down: the sweep asks again
        except RefundRefusedError as error:
            cause = f"withdrawal-refused:{now.isoformat()}"
            licensing.restore(order_id=part.pk, cause=cause, now=now)
            refused = error
    if refused is not None:
        raise refused
    return (
        order_queries.order_by_id(order.pk) if waits else settle_order(order_id=order.pk, now=now)
    )


@transaction.atomic
def _end(parts: Sequence[Order], *, now: dt.datetime) -> None:
    orders.lock_bill(parts[0].bill_id)
    for part in parts:
        _end_one(order_queries.order_by_id(part.pk), now=now)


def _end_one(order: Order, *, now: dt.datetime) -> None:
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
