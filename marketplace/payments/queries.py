"""Reading payments, refunds and events, for the flows above. Whose order it is, they check."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from marketplace.core.money import Money
from marketplace.payments.models import Payment, Refund, StripeEvent
from marketplace.payments.types import PaymentOutcome

__all__ = [
    "orders_with_open_refunds",
    "orders_with_payments",
    "outcome_of",
    "outcomes_of",
    "unprocessed_events",
    "unsettled_orders",
]

_OPEN = [Payment.State.STARTING, Payment.State.OPEN, Payment.State.PROCESSING]


def outcome_of(order_id: uuid.UUID) -> PaymentOutcome | None:
    """What became of the order's payment; None where none was ever started."""
    return outcomes_of([order_id]).get(order_id)


def outcomes_of(order_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, PaymentOutcome]:
    """The outcomes of several orders, by order."""
    payments = Payment.objects.filter(order_id__in=list(order_ids)).prefetch_related("refunds")
    return {payment.order_id: _outcome(payment) for payment in payments}


def unsettled_orders() -> list[uuid.UUID]:
    """Orders of which Stripe may know more than we do: payments and refunds under way."""
    refunding = Q(refunds__state__in=[Refund.State.REQUESTED, Refund.State.PENDING])
    rows = Payment.objects.filter(Q(state__in=_OPEN) | refunding).order_by().distinct()
    return list(rows.values_list("order_id", flat=True))


def orders_with_payments(*, state: str) -> QuerySet[Payment, uuid.UUID]:
    """The orders whose payment is in this state: a query of their ids."""
    return Payment.objects.filter(state=state).values_list("order_id", flat=True)


def orders_with_open_refunds() -> list[uuid.UUID]:
    """Orders for which a refund was written down but Stripe's answer was not."""
    rows = Refund.objects.filter(state=Refund.State.REQUESTED).order_by()
    return list(rows.values_list("payment__order_id", flat=True).distinct())


def unprocessed_events() -> list[str]:
    """Events that were received and not acted on, the oldest first."""
    rows = StripeEvent.objects.filter(processed_at__isnull=True).order_by("received_at", "pk")
    return list(rows.values_list("pk", flat=True))


def _outcome(payment: Payment) -> PaymentOutcome:
    refunds = list(payment.refunds.all())
    back = sum(r.amount_minor for r in refunds if r.state == Refund.State.SUCCEEDED)
    is_open = payment.state == Payment.State.OPEN
    return PaymentOutcome(
        payment_id=payment.pk,
        order_id=payment.order_id,
        state=payment.state,
        amount=Money(payment.amount_minor, payment.currency),
        refunded=Money(back, payment.currency),
        checkout_url=payment.checkout_url if is_open else "",
        refund_pending=any(
            r.state in (Refund.State.REQUESTED, Refund.State.PENDING) for r in refunds
        ),
        refund_failed=any(r.state == Refund.State.FAILED for r in refunds),
    )
