"""Following what a bank and Stripe say about a disputed payment.

A dispute's status goes to and fro (an inquiry escalates, a lost one is appealed), so it
cannot be merged by rank as payments are. Instead each answer of Stripe counts only while
nobody has recorded another since it was asked for; else it is asked for again.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction
from django.utils.translation import gettext as _

from marketplace.payments import gateway_disputes
from marketplace.payments.dispute_models import Dispute, Movement
from marketplace.payments.dispute_types import DisputeSnapshot
from marketplace.payments.errors import DisputeNotFoundError, PaymentsUnavailableError
from marketplace.payments.locks import lock_payment
from marketplace.payments.models import Payment

__all__ = ["discover_disputes", "follow_stage", "lock_dispute", "refresh_disputes", "stage_of"]

_ATTEMPTS = 5  # each time a rival has recorded something newer
_Status = Dispute.Status
_Stage = Dispute.Stage
_STAGES: dict[str, str] = {
    _Status.WARNING_NEEDS_RESPONSE: _Stage.INQUIRY,
    _Status.WARNING_UNDER_REVIEW: _Stage.INQUIRY,
    _Status.WARNING_CLOSED: _Stage.WON,
    _Status.NEEDS_RESPONSE: _Stage.OPEN,
    _Status.UNDER_REVIEW: _Stage.OPEN,
    _Status.APPEAL_NEEDS_RESPONSE: _Stage.OPEN,
    _Status.APPEAL_UNDER_REVIEW: _Stage.OPEN,
    _Status.PREVENTED: _Stage.WON,
    _Status.WON: _Stage.WON,
    _Status.LOST: _Stage.LOST,
}
_OVER = (_Stage.WON, _Stage.LOST)


def stage_of(status: str) -> str:
    """What a status means: an inquiry changes nothing, an open dispute suspends, and so on.

    A status that Stripe adds later counts as open: the money's fate is not known.
    """
    return _STAGES.get(status, _Stage.OPEN)


def refresh_disputes(*, bill_id: uuid.UUID, now: dt.datetime) -> None:
    """Read at Stripe what disputes the bill's payment has, and record them.

    Raises PaymentsUnavailableError; then nothing was changed.
    """
    payment = Payment.objects.filter(bill_id=bill_id).first()
    if payment is None or payment.payment_intent_id is None:
        return
    for _attempt in range(_ATTEMPTS):
        seen = _readings(payment)
        told = gateway_disputes.disputes_of_intent(payment.payment_intent_id)
        if not told and not seen:
            return
        if _record(payment.pk, told, seen, now=now):
            return
    raise PaymentsUnavailableError(
        _("This dispute is being recorded by someone else right now. Try again in a minute.")
    )


def discover_disputes(*, since: dt.datetime) -> list[uuid.UUID]:
    """The bills whose payments were disputed since then and are not known here as such.

    For what a lost event would have told. Raises PaymentsUnavailableError.
    """
    if not Payment.objects.filter(payment_intent_id__isnull=False).exists():
        return []  # nothing was ever paid here, perhaps there is not even a key
    told = gateway_disputes.disputes_since(since)
    known = set(Dispute.objects.filter(opened_at__gte=since).values_list("stripe_id", flat=True))
    intents = [dispute.intent_id for dispute in told if dispute.id not in known]
    if not intents:
        return []
    rows = Payment.objects.filter(payment_intent_id__in=intents).order_by("pk")
    return list(rows.values_list("bill_id", flat=True))


def _readings(payment: Payment) -> dict[str, int]:
    return dict(Dispute.objects.filter(payment=payment).values_list("stripe_id", "readings"))


@transaction.atomic
def _record(
    payment_id: uuid.UUID,
    told: Sequence[DisputeSnapshot],
    seen: dict[str, int],
    *,
    now: dt.datetime,
) -> bool:
    """Write down what was told, unless something was recorded since `seen`: then False."""
    payment = lock_payment(payment_id)
    news = [snapshot for snapshot in told if not _is_recorded(payment, snapshot)]
    if news and _readings(payment) != seen:
        return False
    for snapshot in news:
        _record_one(payment, snapshot, now=now)
    return True


def _is_recorded(payment: Payment, snapshot: DisputeSnapshot) -> bool:
    """Whether the rows say just this already, as a rival's answer may have made them do."""
    return payment.disputes.filter(
        stripe_id=snapshot.id,
        status=snapshot.status,
        amount_minor=snapshot.amount_minor,
        is_refundable=snapshot.is_refundable,
        due_by=snapshot.due_by,
    ).exists() and Movement.objects.filter(
        pk__in=[movement.id for movement in snapshot.movements]
    ).count() == len(snapshot.movements)


def _record_one(payment: Payment, snapshot: DisputeSnapshot, *, now: dt.datetime) -> None:
    dispute = payment.disputes.filter(stripe_id=snapshot.id).first()
    if dispute is None:
        dispute = Dispute(payment=payment, stripe_id=snapshot.id, opened_at=snapshot.opened_at)
    dispute.amount_minor = snapshot.amount_minor
    dispute.currency = snapshot.currency
    dispute.reason = snapshot.reason[:60]
    dispute.status = snapshot.status
    dispute.is_refundable = snapshot.is_refundable
    dispute.due_by = snapshot.due_by
    over = stage_of(snapshot.status) in _OVER
    dispute.closed_at = (dispute.closed_at or now) if over else None
    dispute.readings += 1
    dispute.save()
    for movement in snapshot.movements:
        Movement.objects.get_or_create(
            transaction_id=movement.id,
            defaults={
                "dispute": dispute,
                "amount_minor": movement.amount_minor,
                "fee_minor": movement.fee_minor,
                "currency": movement.currency,
                "at": movement.at,
            },
        )


def lock_dispute(dispute_id: uuid.UUID) -> Dispute:
    """Hold the dispute's row, and its payment's before it, until the transaction ends.

    Orders are locked before both. Raises DisputeNotFoundError.
    """
    try:
        lock_payment(Dispute.objects.only("payment_id").get(pk=dispute_id).payment_id)
        return (
            Dispute.objects.select_for_update(of=("self",))
            .select_related("payment")
            .get(pk=dispute_id)
        )
    except Dispute.DoesNotExist:
        raise DisputeNotFoundError(str(dispute_id)) from None


def follow_stage(dispute: Dispute) -> str | None:
    """The stage that the orders must follow now, marked as followed; None where they have.

    The caller holds the dispute's lock, and moves the orders in the same transaction.
    """
    stage = stage_of(dispute.status)
    if dispute.applied == stage:
        return None
    dispute.applied = stage
    dispute.save(update_fields=["applied"])
    return stage
