"""Reading payments, refunds and events, for the flows above. Whose bill it is, they check."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from marketplace.core.money import Money
from marketplace.payments.connecting import (
    account_of,
    bank_details_of,
    connected_accounts,
    is_paid_by_stripe,
)
from marketplace.payments.dispute_queries import (
    all_disputes,
    answer_of,
    bills_in_dispute,
    blocks_refund,
    dispute_by_id,
    dispute_rate,
    disputes_of,
    evidence_files_of,
    lagging_disputes,
)
from marketplace.payments.models import Payment, Refund, StripeEvent
from marketplace.payments.payout_policy import split_balance, terms_for
from marketplace.payments.payouts import (
    batch_csv,
    has_requested_payout,
    open_payouts,
    payout_batch,
    payout_of,
    payouts_of,
)
from marketplace.payments.subscription_queries import (
    going_on,
    invoice_of_order,
    orders_of_subscription,
    owed_invoice,
    paid_until,
    renewing,
    subscription_of_order,
    subscriptions_of_orders,
    undelivered_invoices,
    unsettled_subscriptions,
)
from marketplace.payments.transfers import (
    orders_with_open_transfers,
    sent_of_orders,
    transfers_of,
)
from marketplace.payments.types import PaymentOutcome

__all__ = [
    "account_of",
    "all_disputes",
    "answer_of",
    "bank_details_of",
    "batch_csv",
    "bills_in_dispute",
    "bills_with_payments",
    "blocks_refund",
    "connected_accounts",
    "dispute_by_id",
    "dispute_rate",
    "disputes_of",
    "evidence_files_of",
    "going_on",
    "has_requested_payout",
    "invoice_of_order",
    "is_paid_by_stripe",
    "lagging_disputes",
    "open_payouts",
    "open_refunds",
    "orders_of_subscription",
    "orders_with_open_transfers",
    "outcome_for",
    "outcome_of",
    "outcomes_for",
    "owed_invoice",
    "paid_until",
    "payment_of",
    "payout_batch",
    "payout_of",
    "payouts_of",
    "refunds_of",
    "renewing",
    "sent_of_orders",
    "split_balance",
    "subscription_of_order",
    "subscriptions_of_orders",
    "terms_for",
    "transfers_of",
    "undelivered_invoices",
    "unprocessed_events",
    "unsettled_bills",
    "unsettled_subscriptions",
]

_OPEN = [Payment.State.STARTING, Payment.State.OPEN, Payment.State.PROCESSING]
_UNDER_WAY = [Refund.State.REQUESTED, Refund.State.PENDING]


def payment_of(bill_id: uuid.UUID) -> Payment | None:
    """A bill's payment as it was last recorded."""
    return Payment.objects.filter(bill_id=bill_id).first()


def outcome_of(bill_id: uuid.UUID) -> PaymentOutcome | None:
    """What became of a bill's payment; None where none was ever started."""
    payment = Payment.objects.filter(bill_id=bill_id).prefetch_related("refunds").first()
    return None if payment is None else _outcome(payment, list(payment.refunds.all()))


def outcome_for(order_id: uuid.UUID, bill_id: uuid.UUID) -> PaymentOutcome | None:
    """What became of the payment of a bill as far as one of its orders is concerned."""
    return outcomes_for([(order_id, bill_id)]).get(order_id)


def outcomes_for(
    orders: Iterable[tuple[uuid.UUID, uuid.UUID]],
) -> dict[uuid.UUID, PaymentOutcome]:
    """The outcomes for several orders, each given as (order, its bill), by order."""
    wanted = dict(orders)
    found = Payment.objects.filter(bill_id__in=set(wanted.values())).prefetch_related("refunds")
    by_bill = {payment.bill_id: payment for payment in found}
    return {
        order_id: _outcome(payment, _of_order(payment, order_id))
        for order_id, bill_id in wanted.items()
        if (payment := by_bill.get(bill_id)) is not None
    }


def refunds_of(bill_id: uuid.UUID) -> list[Refund]:
    """Every refund of a bill, the oldest first."""
    return list(Refund.objects.filter(payment__bill_id=bill_id).order_by("created_at", "pk"))


def unsettled_bills() -> list[uuid.UUID]:
    """Bills of which Stripe may know more than we do: payments and refunds under way."""
    refunding = Q(refunds__state__in=_UNDER_WAY)
    paid = Q(state__in=[Payment.State.SUCCEEDED, Payment.State.REFUNDED])
    unbooked = paid & Q(amount_minor__gt=0, stripe_fee_minor=None)
    # A refund that is through and of which Stripe had not booked what left the balance.
    refund_unbooked = Q(
        refunds__state=Refund.State.SUCCEEDED,
        refunds__amount_minor__gt=0,
        refunds__balance_transaction_id="",
    )
    waiting = Q(state__in=_OPEN) | refunding | unbooked | refund_unbooked
    rows = Payment.objects.filter(waiting).order_by().distinct()
    return list(rows.values_list("bill_id", flat=True))


def bills_with_payments(*, state: str) -> QuerySet[Payment, uuid.UUID]:
    """The bills whose payment is in this state: a query of their ids."""
    return Payment.objects.filter(state=state).values_list("bill_id", flat=True)


def open_refunds() -> list[uuid.UUID]:
    """Refunds that were written down, but whose answer from Stripe was not."""
    rows = Refund.objects.filter(state=Refund.State.REQUESTED).order_by("created_at", "pk")
    return list(rows.values_list("pk", flat=True))


def unprocessed_events() -> list[str]:
    """Events that were received and not acted on, the oldest first."""
    rows = StripeEvent.objects.filter(processed_at__isnull=True).order_by("received_at", "pk")
    return list(rows.values_list("pk", flat=True))


def _of_order(payment: Payment, order_id: uuid.UUID) -> list[Refund]:
    return [refund for refund in payment.refunds.all() if refund.order_id == order_id]


def _outcome(payment: Payment, refunds: list[Refund]) -> PaymentOutcome:
    done = [refund for refund in refunds if refund.state == Refund.State.SUCCEEDED]
    is_open = payment.state == Payment.State.OPEN
    return PaymentOutcome(
        payment_id=payment.pk,
        bill_id=payment.bill_id,
        state=payment.state,
        amount=Money(payment.amount_minor, payment.currency),
        refunded=Money(sum(refund.amount_minor for refund in done), payment.currency),
        credited=Money(sum(refund.credit_minor for refund in done), payment.currency),
        checkout_url=payment.checkout_url if is_open else "",
        refund_pending=any(refund.state in _UNDER_WAY for refund in refunds),
        refund_failed=any(refund.state == Refund.State.FAILED for refund in refunds),
        at_stripe=any(refund.at_stripe for refund in done),
    )
