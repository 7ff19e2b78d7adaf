"""Taking money, and giving it back.

Every call of Stripe follows one pattern: write down what is meant, call without a
transaction, record the answer. A crash in between is mended by calling again, since
the idempotency key is the id of our row.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.core.money import Money
from marketplace.payments import gateway, gateway_billing
from marketplace.payments.answering import (
    add_evidence_file,
    hand_in_answer,
    may_answer,
    remove_evidence_file,
    save_answer,
)
from marketplace.payments.connecting import (
    connect_seller,
    onboarding_url,
    refresh_account,
    save_bank_details,
)
from marketplace.payments.disputes import (
    discover_disputes,
    follow_stage,
    lock_dispute,
    refresh_disputes,
    stage_of,
)
from marketplace.payments.errors import (
    PaymentClosedError,
    PaymentRefusedError,
    SessionNotOpenError,
)
from marketplace.payments.events import (
    bill_of_event,
    event,
    event_failed,
    event_processed,
    fetch_events,
    receive_event,
)
from marketplace.payments.gateway_balance import balance_transactions
from marketplace.payments.locks import lock_payment
from marketplace.payments.models import Payment
from marketplace.payments.payouts import (
    add_to_batch,
    mark_batch_paid,
    refresh_payout,
    request_payout,
    return_bank_payout,
    send_payout,
)
from marketplace.payments.recording import record, record_intent
from marketplace.payments.refunds import Share, intend_refund, refund_payment, resume_refund
from marketplace.payments.states import merge_payment
from marketplace.payments.subscriptions import (
    carry_out_wish,
    close_subscription_page,
    lock_invoice,
    pay_page,
    refresh_subscription,
    start_subscription,
    subscription_of_event,
    take_payment,
    told_of_failure,
    wish_for,
)
from marketplace.payments.transfers import (
    carry_out_transfers,
    destination_of_charge,
    plan_transfer,
    record_destination,
)
from marketplace.payments.types import Destination, Item, RefundSnapshot, SessionSnapshot

__all__ = [
    "SESSION_LIFETIME",
    "Share",
    "add_evidence_file",
    "add_to_batch",
    "balance_transactions",
    "bill_of_event",
    "carry_out_transfers",
    "carry_out_wish",
    "close_payment",
    "close_subscription_page",
    "connect_seller",
    "destination_of_charge",
    "discover_disputes",
    "event",
    "event_failed",
    "event_processed",
    "fetch_events",
    "follow_stage",
    "hand_in_answer",
    "intend_payment",
    "intend_refund",
    "lock_dispute",
    "lock_invoice",
    "mark_batch_paid",
    "may_answer",
    "onboarding_url",
    "pay_by_credit",
    "pay_page",
    "plan_transfer",
    "receive_event",
    "record_destination",
    "refresh_account",
    "refresh_disputes",
    "refresh_payment",
    "refresh_payout",
    "refresh_subscription",
    "refund_payment",
    "remove_evidence_file",
    "request_payout",
    "resume_refund",
    "return_bank_payout",
    "save_answer",
    "save_bank_details",
    "send_payout",
    "stage_of",
    "start_payment",
    "start_subscription",
    "subscription_of_event",
    "take_payment",
    "told_of_failure",
    "wish_for",
]

SESSION_LIFETIME = dt.timedelta(hours=1)  # Stripe takes 30 minutes to 24 hours
_State = Payment.State


def intend_payment(
    *,
    bill_id: uuid.UUID,
    amount: Money,
    sole_order_id: uuid.UUID | None,
    now: dt.datetime,
    destination: Destination | None = None,
) -> Payment:
    """Write down that a bill is to be paid by Stripe, in the transaction that opens it.

    So nobody ever sees a bill without its payment: whoever closes the one ends the other.
    `sole_order_id` is the order of a bill that has just one: what is refunded at Stripe then
    belongs to it.
    """
    return Payment.objects.create(
        bill_id=bill_id,
        sole_order_id=sole_order_id,
        amount_minor=amount.minor,
        currency=amount.currency,
        expires_at=now + SESSION_LIFETIME,
        destination=destination.account_id if destination else "",
        application_fee_minor=destination.fee_minor if destination else 0,
    )


def start_payment(
    *,
    bill_id: uuid.UUID,
    items: Sequence[Item],
    email: str,
    success_url: str,
    cancel_url: str,
) -> Payment:
    """The hosted page on which the bill is paid; asked again, the same page.

    `items` are in one currency, and are what of each order is paid there. Raises
    PaymentClosedError where the bill's payment is over already, PaymentsUnavailableError
    (the payment stays, asking again is safe), and PaymentRefusedError (the payment has
    failed).
    """
    payment = Payment.objects.get(bill_id=bill_id)
    if payment.state == _State.OPEN:
        return payment
    if payment.state != _State.STARTING:
        raise PaymentClosedError(_("This payment is over. Start again from the listing."))
    try:
        session = gateway.create_session(
            payment_id=payment.pk,
            items=items,
            email=email,
            success_url=success_url,
            cancel_url=cancel_url,
            expires_at=payment.expires_at,
            destination=(
                Destination(payment.destination, payment.application_fee_minor)
                if payment.destination
                else None
            ),
        )
    except PaymentRefusedError:
        _end(payment.pk, _State.FAILED)
        raise
    payment = record(payment.pk, session)
    if payment.state != _State.OPEN:  # it was ended while Stripe was asked
        raise PaymentClosedError(_("This payment is over. Start again from the listing."))
    return payment


def pay_by_credit(
    *, bill_id: uuid.UUID, currency: str, sole_order_id: uuid.UUID | None, now: dt.datetime
) -> Payment:
    """Record that nothing of the bill is left to pay by Stripe: shop credit pays it all."""
    payment, _created = Payment.objects.get_or_create(
        bill_id=bill_id,
        defaults={
            "sole_order_id": sole_order_id,
            "amount_minor": 0,
            "currency": currency,
            "state": _State.SUCCEEDED,
            "expires_at": now,
        },
    )
    return payment


def refresh_payment(*, bill_id: uuid.UUID, now: dt.datetime) -> None:
    """Read at Stripe what became of the bill's payment and its refunds, and record it.

    Raises PaymentsUnavailableError, PaymentMismatchError.
    """
    payment = Payment.objects.filter(bill_id=bill_id).first()
    if payment is None or payment.amount_minor == 0:
        return
    if payment.session_id is None and payment.payment_intent_id:
        # The invoice of a subscription was paid by a card that is kept.
        intent = payment.payment_intent_id
        charge = gateway_billing.charge_of_intent(intent)
        record_intent(payment.pk, charge, gateway.list_refunds(intent))
        return
    if payment.session_id is None:
        # Stripe never told us a page, so nobody has seen one.
        if payment.expires_at <= now:
            _end(payment.pk, _State.EXPIRED)
        return
    session = gateway.retrieve_session(payment.session_id)
    record(payment.pk, session, refunds=_refunds_of(session))


def close_payment(*, bill_id: uuid.UUID, now: dt.datetime) -> None:
    """Make sure that the bill's hosted page cannot be paid any more.

    Where it was paid in the same moment, that is what is recorded. Raises
    PaymentsUnavailableError.
    """
    payment = Payment.objects.filter(bill_id=bill_id).first()
    if payment is None:
        return
    if payment.session_id is None:
        _end(payment.pk, _State.EXPIRED)
        return
    # Not open: it is paid, processing or expired, and the next line reads which.
    with contextlib.suppress(SessionNotOpenError):
        gateway.expire_session(payment.session_id)
    refresh_payment(bill_id=bill_id, now=now)


def _refunds_of(session: SessionSnapshot) -> list[RefundSnapshot]:
    if session.intent_id is None or not session.paid:
        return []
    return gateway.list_refunds(session.intent_id)


@transaction.atomic
def _end(payment_id: uuid.UUID, state: str) -> None:
    payment = lock_payment(payment_id)
    if payment.session_id is None:  # else Stripe's answer came in meanwhile, and counts
        payment.state = merge_payment(payment.state, state)
        payment.save(update_fields=["state", "updated_at"])
