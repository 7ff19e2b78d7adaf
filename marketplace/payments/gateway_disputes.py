"""Disputes and evidence at Stripe: our words in, small frozen snapshots out.

Nothing here touches the database, and no caller may hold a transaction open.
"""

from __future__ import annotations

import datetime as dt
import io
import uuid
from collections.abc import Mapping
from typing import Any

import stripe

from marketplace.payments.dispute_types import DisputeSnapshot, MovementSnapshot
from marketplace.payments.errors import EvidenceRefusedError
from marketplace.payments.stripe_client import client, our_errors

__all__ = ["disputes_of_intent", "disputes_since", "submit_evidence", "upload_evidence"]


def disputes_of_intent(intent_id: str) -> list[DisputeSnapshot]:
    """Every dispute of a payment. Raises PaymentsUnavailableError, PaymentRefusedError."""
    with our_errors():
        found = client().v1.disputes.list({"payment_intent": intent_id, "limit": 100})
        return [_dispute(dispute) for dispute in found.auto_paging_iter()]


def disputes_since(moment: dt.datetime) -> list[DisputeSnapshot]:
    """Every dispute that was opened since `moment`, the newest first."""
    with our_errors():
        found = client().v1.disputes.list(
            {"created": {"gte": int(moment.timestamp())}, "limit": 100}
        )
        return [_dispute(dispute) for dispute in found.auto_paging_iter()]


def upload_evidence(*, file_id: uuid.UUID, name: str, content: bytes) -> str:
    """Give Stripe a file for a dispute; asked again with the same `file_id`, the same file.

    Returns Stripe's id of it. Raises PaymentsUnavailableError, EvidenceRefusedError.
    """
    file = io.BytesIO(content)
    file.name = name
    with our_errors(EvidenceRefusedError):
        kept = client().v1.files.create(
            {"purpose": "dispute_evidence", "file": file},
            {"idempotency_key": f"evidence-file-{file_id}"},
        )
    return kept.id


def submit_evidence(*, key: str, dispute_id: str, evidence: Mapping[str, str]) -> DisputeSnapshot:
    """Hand the answer in to the bank; asked again with the same `key`, the same answer.

    `evidence` by Stripe's names: texts, and ids of files. Raises PaymentsUnavailableError,
    EvidenceRefusedError.
    """
    given: Any = dict(evidence)
    with our_errors(EvidenceRefusedError):
        dispute = client().v1.disputes.update(
            dispute_id,
            {"evidence": given, "submit": True},
            {"idempotency_key": f"answer-{key}"},
        )
    return _dispute(dispute)


def _dispute(dispute: stripe.Dispute) -> DisputeSnapshot:
    intent = dispute.payment_intent
    details = dispute.evidence_details
    return DisputeSnapshot(
        id=dispute.id,
        intent_id=(intent if isinstance(intent, str) else intent.id) if intent else "",
        amount_minor=dispute.amount,
        currency=dispute.currency.upper(),
        reason=dispute.reason,
        status=dispute.status,
        is_refundable=dispute.is_charge_refundable,
        due_by=_moment(details.due_by) if details.due_by else None,
        submissions=details.submission_count,
        opened_at=_moment(dispute.created),
        movements=[_movement(booked) for booked in dispute.balance_transactions],
    )


def _movement(booked: stripe.BalanceTransaction) -> MovementSnapshot:
    return MovementSnapshot(
        id=booked.id,
        amount_minor=booked.amount,
        fee_minor=booked.fee,
        currency=booked.currency.upper(),
        at=_moment(booked.created),
    )


def _moment(seconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(seconds, tz=dt.UTC)
