"""Reading disputes. Whose they are, the flows above check: here is no order and no seller."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Iterable

from django.db.models import Q, QuerySet

from marketplace.payments.dispute_models import Answer, Dispute, EvidenceFile
from marketplace.payments.dispute_types import DisputeRate
from marketplace.payments.errors import DisputeNotFoundError
from marketplace.payments.models import Payment

__all__ = [
    "all_disputes",
    "answer_of",
    "bills_in_dispute",
    "blocks_refund",
    "dispute_by_id",
    "dispute_rate",
    "disputes_of",
    "evidence_files_of",
    "lagging_disputes",
]

_Status = Dispute.Status
_Stage = Dispute.Stage
_DECIDED = [_Status.WON, _Status.LOST, _Status.PREVENTED, _Status.WARNING_CLOSED]
_WARNINGS = [
    _Status.WARNING_NEEDS_RESPONSE,
    _Status.WARNING_UNDER_REVIEW,
    _Status.WARNING_CLOSED,
]


def dispute_by_id(dispute_id: uuid.UUID) -> Dispute:
    """A dispute with its payment. Raises DisputeNotFoundError."""
    try:
        return Dispute.objects.select_related("payment").get(pk=dispute_id)
    except Dispute.DoesNotExist:
        raise DisputeNotFoundError(str(dispute_id)) from None


def disputes_of(bill_ids: Iterable[uuid.UUID] | QuerySet[Payment, uuid.UUID]) -> QuerySet[Dispute]:
    """The disputes of these bills, the newest first."""
    return (
        Dispute.objects.filter(payment__bill_id__in=bill_ids)
        .select_related("payment")
        .prefetch_related("movements", "files")
        .order_by("-opened_at", "pk")
    )


def all_disputes() -> QuerySet[Dispute]:
    """Every dispute of the shop, the newest first: for the operator."""
    return Dispute.objects.select_related("payment").order_by("-opened_at", "pk")


def answer_of(dispute_id: uuid.UUID) -> Answer | None:
    """What is written in answer to a dispute so far; None where nothing is."""
    return Answer.objects.filter(dispute_id=dispute_id).first()


def evidence_files_of(dispute_id: uuid.UUID) -> list[EvidenceFile]:
    """The files that go with the answer, those that Stripe has."""
    return list(EvidenceFile.objects.filter(dispute_id=dispute_id).exclude(stripe_id=""))


def lagging_disputes() -> list[uuid.UUID]:
    """Bills of which Stripe may know more than we do, or whose orders have not followed."""
    undecided = ~Q(status__in=_DECIDED)
    behind = (
        (Q(status=_Status.LOST) & ~Q(applied=_Stage.LOST))
        | (Q(status__in=[_Status.WON, _Status.PREVENTED]) & ~Q(applied=_Stage.WON))
        | (Q(status=_Status.WARNING_CLOSED) & ~Q(applied=_Stage.WON))
    )
    rows = Dispute.objects.filter(undecided | behind).order_by()
    return list(rows.values_list("payment__bill_id", flat=True).distinct())


def bills_in_dispute(bill_ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, Dispute]:
    """The newest dispute of each bill that has one."""
    rows = disputes_of(list(bill_ids)).order_by("opened_at", "pk")
    return {dispute.payment.bill_id: dispute for dispute in rows}


def blocks_refund(bill_id: uuid.UUID) -> Dispute | None:
    """The dispute for which the bill's money cannot be given back; None where it can.

    While the bank has the money, or has kept it, a refund would pay twice.
    """
    gone = Dispute.objects.filter(payment__bill_id=bill_id, is_refundable=False)
    free = [_Status.WON, _Status.PREVENTED, _Status.WARNING_CLOSED]
    return gone.exclude(status__in=free).first()


def dispute_rate(
    bill_ids: Iterable[uuid.UUID] | QuerySet[Payment, uuid.UUID], *, since: dt.datetime
) -> DisputeRate:
    """How many of these bills' payments since then were disputed, and lost."""
    paid = Payment.objects.filter(
        bill_id__in=bill_ids,
        state__in=[Payment.State.SUCCEEDED, Payment.State.REFUNDED],
        created_at__gte=since,
        amount_minor__gt=0,
    )
    disputed = Dispute.objects.filter(payment__in=paid).exclude(status__in=_WARNINGS)
    return DisputeRate(
        payments=paid.count(),
        disputed=disputed.values("payment").distinct().count(),
        lost=disputed.filter(status=_Status.LOST).values("payment").distinct().count(),
    )
