"""Disputes: opened by a card, answered with words and a file, decided."""

from __future__ import annotations

import io

import pytest
import stripe as sdk

from tests.contract.desk import Desk

# The least that is a PDF of one empty page.
PDF = b"""%PDF-1.4
1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj
2 0 obj<</Type/Pages/Kids[3 0 R]/Count 1>>endobj
3 0 obj<</Type/Page/Parent 2 0 R/MediaBox[0 0 99 99]>>endobj
trailer<</Root 1 0 R>>
%%EOF
"""


def disputed(desk: Desk, card: str) -> sdk.Dispute:
    charge = desk.charge(card)

    def opened() -> sdk.Dispute | None:
        found = desk.api.v1.disputes.list({"payment_intent": str(charge.payment_intent)}).data
        return found[0] if found else None

    return desk.later(opened)


def with_status(desk: Desk, dispute: sdk.Dispute, status: str) -> sdk.Dispute:
    def reached() -> sdk.Dispute | None:
        read = desk.api.v1.disputes.retrieve(dispute.id)
        return read if read.status == status else None

    return desk.later(reached)


def test_a_disputed_card_takes_the_money_and_a_fee(desk: Desk) -> None:
    dispute = disputed(desk, "not_received")

    assert (dispute.status, dispute.reason) == ("needs_response", "product_not_received")
    assert dispute.amount == 1_250
    [taken] = dispute.balance_transactions
    assert (taken.type, taken.reporting_category) == ("adjustment", "dispute")
    assert taken.amount < 0 < taken.fee
    assert desk.api.v1.charges.retrieve(str(dispute.charge)).disputed is True
    with pytest.raises(sdk.InvalidRequestError) as refused:
        desk.api.v1.refunds.create({"charge": str(dispute.charge)})
    assert refused.value.code == "charge_disputed"


def test_words_and_a_file_win_it(desk: Desk) -> None:
    answered(desk, "winning_evidence", "won")


def test_words_and_a_file_lose_it(desk: Desk) -> None:
    answered(desk, "losing_evidence", "lost")


def answered(desk: Desk, text: str, status: str) -> None:
    dispute = disputed(desk, "disputed")
    paper = io.BytesIO(PDF)
    paper.name = "receipt.pdf"

    file = desk.api.v1.files.create({"purpose": "dispute_evidence", "file": paper}, desk.key())
    staged = desk.api.v1.disputes.update(
        dispute.id, {"evidence": {"receipt": file.id}, "submit": False}
    )
    desk.api.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})

    assert (file.size, file.type) == (len(PDF), "pdf")
    assert desk.api.v1.files.retrieve(file.id).purpose == "dispute_evidence"
    assert file.id in [f.id for f in desk.api.v1.files.list({"limit": 20}).data]
    assert staged.evidence.receipt == file.id
    assert staged.evidence_details.submission_count == 0
    decided = with_status(desk, dispute, status)
    assert decided.evidence_details.submission_count == 1
    amounts = [moved.amount for moved in decided.balance_transactions]
    assert sum(amounts) == (0 if status == "won" else -1_250)
    with pytest.raises(sdk.InvalidRequestError):
        desk.api.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "Ada"}})


def test_an_inquiry_takes_nothing_and_may_be_refunded(desk: Desk) -> None:
    dispute = disputed(desk, "inquiry")
    assert (dispute.status, dispute.is_charge_refundable) == ("warning_needs_response", True)
    assert dispute.balance_transactions == []

    desk.api.v1.refunds.create({"charge": str(dispute.charge)})

    assert with_status(desk, dispute, "warning_closed").balance_transactions == []


def test_a_dispute_may_be_accepted(desk: Desk) -> None:
    dispute = disputed(desk, "disputed")

    assert desk.api.v1.disputes.close(dispute.id).status == "lost"
