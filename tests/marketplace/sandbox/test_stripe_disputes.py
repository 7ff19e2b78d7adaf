"""The emulator's disputes and the files that answer them, through the SDK."""

from __future__ import annotations

import io
from typing import Any

import pytest
import stripe as sdk

from marketplace.sandbox.stripe_emulator.shapes import mismatches
from tests.marketplace.stripe_fixtures import GOOD, Emulator

PDF = b"%PDF-1.7\n--" + bytes(range(256)) + b"\r\n\r\n%%EOF\r\n"
DAY = 24 * 3600


def paid(stripe: Emulator, card: str = GOOD, *, amount: int = 15_000) -> sdk.Charge:
    """A charge of `amount` won that went through."""
    session = stripe.sdk.v1.checkout.sessions.create(
        {
            "mode": "payment",
            "success_url": "http://shop.test/ok",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "krw",
                        "unit_amount": amount,
                        "product_data": {"name": "영화"},
                    },
                }
            ],
        }
    )
    assert session.url
    assert stripe.pay(session.url, card).status_code == 303
    session = stripe.sdk.v1.checkout.sessions.retrieve(
        session.id, {"expand": ["payment_intent.latest_charge"]}
    )
    assert isinstance(session.payment_intent, sdk.PaymentIntent)
    assert isinstance(session.payment_intent.latest_charge, sdk.Charge)
    return session.payment_intent.latest_charge


def disputed(stripe: Emulator, charge: sdk.Charge, **how: Any) -> sdk.Dispute:
    opened = stripe.hook("disputes", charge=charge.id, **how)
    return stripe.sdk.v1.disputes.retrieve(opened["id"])


def named(name: str, content: bytes) -> io.BytesIO:
    file = io.BytesIO(content)
    file.name = name
    return file


def kinds(stripe: Emulator, dispute: sdk.Dispute) -> list[str]:
    events = stripe.sdk.v1.events.list({"limit": 100}).auto_paging_iter()
    found = [str(e.type) for e in events if e.data.object["id"] == dispute.id]
    return found[::-1]


def test_a_dispute_takes_the_money_and_a_fee(stripe: Emulator) -> None:
    charge = paid(stripe)

    dispute = disputed(stripe, charge, reason="product_not_received")

    assert (dispute.status, dispute.reason) == ("needs_response", "product_not_received")
    assert (dispute.amount, dispute.currency) == (15_000, "krw")
    assert dispute.charge == charge.id
    assert dispute.payment_intent == charge.payment_intent
    assert dispute.is_charge_refundable is False
    [taken] = dispute.balance_transactions
    assert (taken.type, taken.reporting_category) == ("adjustment", "dispute")
    assert (taken.amount, taken.fee, taken.net) == (-15_000, 15_000, -30_000)
    assert dispute.evidence_details.due_by == dispute.created + 9 * DAY
    assert stripe.sdk.v1.charges.retrieve(charge.id).disputed is True
    assert kinds(stripe, dispute) == ["charge.dispute.created", "charge.dispute.funds_withdrawn"]


@pytest.mark.parametrize(
    ("card", "reason", "status"),
    [
        ("4000000000000259", "fraudulent", "needs_response"),
        ("4000000000002685", "product_not_received", "needs_response"),
        ("4000000000001976", "fraudulent", "warning_needs_response"),
    ],
)
def test_a_test_card_opens_its_dispute_by_itself(
    stripe: Emulator, card: str, reason: str, status: str
) -> None:
    charge = paid(stripe, card)
    assert stripe.sdk.v1.disputes.list({"charge": charge.id}).data == []

    stripe.hook("clock", advance=3601)

    [dispute] = stripe.sdk.v1.disputes.list({"charge": charge.id}).data
    assert (dispute.reason, dispute.status) == (reason, status)
    assert len(dispute.balance_transactions) == (status == "needs_response")


def test_what_was_refunded_before_is_not_disputed_again(stripe: Emulator) -> None:
    charge = paid(stripe)
    stripe.sdk.v1.refunds.create({"charge": charge.id, "amount": 5_000})

    assert disputed(stripe, charge).amount == 10_000


def test_money_that_is_disputed_cannot_be_refunded(stripe: Emulator) -> None:
    charge = paid(stripe)
    dispute = disputed(stripe, charge)

    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.refunds.create({"charge": charge.id})

    assert refused.value.code == "charge_disputed"
    assert stripe.sdk.v1.refunds.list({"charge": charge.id}).data == []
    stripe.hook(f"disputes/{dispute.id}/win")
    assert stripe.sdk.v1.refunds.create({"charge": charge.id}).status == "succeeded"


@pytest.mark.parametrize(
    ("text", "status", "last"),
    [
        ("winning_evidence", "won", "charge.dispute.funds_reinstated"),
        ("losing_evidence", "lost", "charge.dispute.updated"),
    ],
)
def test_evidence_decides_a_dispute(stripe: Emulator, text: str, status: str, last: str) -> None:
    dispute = disputed(stripe, paid(stripe))

    submitted = stripe.sdk.v1.disputes.update(
        dispute.id, {"evidence": {"uncategorized_text": text}}
    )
    assert submitted.status == "under_review"
    assert submitted.evidence_details.submission_count == 1
    assert submitted.evidence_details.submission_method == "manual"
    stripe.hook("clock", advance=3601)

    closed = stripe.sdk.v1.disputes.retrieve(dispute.id)
    assert closed.status == status
    assert [t.amount for t in closed.balance_transactions] == (
        [-15_000, 15_000] if status == "won" else [-15_000]
    )
    assert kinds(stripe, dispute)[-2:] == [last, "charge.dispute.closed"]


def test_evidence_may_be_gathered_before_it_is_handed_over(stripe: Emulator) -> None:
    dispute = disputed(stripe, paid(stripe))

    stripe.sdk.v1.disputes.update(
        dispute.id, {"evidence": {"product_description": "A film."}, "submit": False}
    )
    staged = stripe.sdk.v1.disputes.update(
        dispute.id,
        {"evidence": {"customer_name": "Ada", "product_description": ""}, "submit": False},
    )

    assert staged.status == "needs_response"
    assert staged.evidence.customer_name == "Ada"
    assert staged.evidence.product_description is None
    assert staged.evidence_details.has_evidence is True
    assert staged.evidence_details.submission_count == 0


def test_a_file_goes_up_whole_and_answers_a_dispute(stripe: Emulator) -> None:
    dispute = disputed(stripe, paid(stripe))

    file = stripe.sdk.v1.files.create(
        {"purpose": "dispute_evidence", "file": named('영수증 "1".pdf', PDF)},
        {"idempotency_key": f"file-{dispute.id}"},
    )
    again = stripe.sdk.v1.files.create(
        {"purpose": "dispute_evidence", "file": named('영수증 "1".pdf', PDF)},
        {"idempotency_key": f"file-{dispute.id}"},
    )
    answered = stripe.sdk.v1.disputes.update(dispute.id, {"evidence": {"receipt": file.id}})

    assert (file.size, file.type, file.purpose) == (len(PDF), "pdf", "dispute_evidence")
    assert again.id == file.id
    assert answered.evidence.receipt == file.id
    answers: list[Any] = [file, answered, *answered.balance_transactions]
    for answer in answers:
        assert mismatches(type(answer), answer.to_dict()) == []
    assert file.id in [f.id for f in stripe.sdk.v1.files.list({"purpose": "dispute_evidence"}).data]


@pytest.mark.parametrize(
    ("purpose", "content", "param"),
    [
        ("dispute_evidence", b"MZ a program", "file"),
        ("dispute_evidence", b"%PDF-" + bytes(5_000_000), "file"),
        ("business_logo", PDF, "purpose"),
        ("no_such_purpose", PDF, "purpose"),
    ],
)
def test_a_file_that_is_no_evidence_is_refused(
    stripe: Emulator, purpose: Any, content: bytes, param: str
) -> None:
    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.files.create({"purpose": purpose, "file": named("x.pdf", content)})

    assert refused.value.param == param


@pytest.mark.parametrize(
    ("evidence", "param"),
    [
        ({"receipt": "file_nowhere"}, "evidence[receipt]"),
        ({"uncategorized_text": "x" * 20_001}, "evidence[uncategorized_text]"),
        ({"no_such_field": "x"}, "evidence[no_such_field]"),
        ({"enhanced_evidence": {"visa_compliance": {"fee_acknowledged": True}}},
         "evidence[enhanced_evidence]"),
    ],
)  # fmt: skip
def test_wrong_evidence_is_refused(stripe: Emulator, evidence: Any, param: str) -> None:
    dispute = disputed(stripe, paid(stripe))

    with pytest.raises(sdk.InvalidRequestError) as refused:
        stripe.sdk.v1.disputes.update(dispute.id, {"evidence": evidence})

    assert refused.value.param == param
    assert stripe.sdk.v1.disputes.retrieve(dispute.id).status == "needs_response"


def test_a_dispute_that_is_over_takes_no_more_evidence(stripe: Emulator) -> None:
    dispute = disputed(stripe, paid(stripe))
    closed = stripe.sdk.v1.disputes.close(dispute.id)
    assert closed.status == "lost"

    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.disputes.update(dispute.id, {"evidence": {"customer_name": "Ada"}})
    with pytest.raises(sdk.InvalidRequestError):
        stripe.sdk.v1.disputes.close(dispute.id)

    assert stripe.hook(f"disputes/{dispute.id}/win")["status"] == "lost"


def test_what_is_not_answered_in_time_is_lost(stripe: Emulator) -> None:
    dispute = disputed(stripe, paid(stripe))
    question = disputed(stripe, paid(stripe), inquiry=True)

    stripe.hook("clock", advance=9 * DAY + 1)

    assert stripe.sdk.v1.disputes.retrieve(dispute.id).status == "lost"
    assert stripe.sdk.v1.disputes.retrieve(question.id).status == "warning_closed"


def test_an_inquiry_takes_nothing_until_it_is_escalated(stripe: Emulator) -> None:
    charge = paid(stripe)
    dispute = disputed(stripe, charge, inquiry=True)
    assert (dispute.status, dispute.balance_transactions) == ("warning_needs_response", [])
    assert dispute.is_charge_refundable is True

    stripe.hook(f"disputes/{dispute.id}/escalate")

    escalated = stripe.sdk.v1.disputes.retrieve(dispute.id)
    assert (escalated.status, len(escalated.balance_transactions)) == ("needs_response", 1)
    assert escalated.is_charge_refundable is False


def test_an_inquiry_ends_when_the_money_goes_back(stripe: Emulator) -> None:
    charge = paid(stripe)
    dispute = disputed(stripe, charge, inquiry=True)

    stripe.sdk.v1.refunds.create({"charge": charge.id})

    assert stripe.sdk.v1.disputes.retrieve(dispute.id).status == "warning_closed"


def test_disputes_are_listed_by_what_they_are_about(stripe: Emulator) -> None:
    charge = paid(stripe)
    dispute = disputed(stripe, charge)
    assert isinstance(charge.payment_intent, str)

    abouts: list[Any] = [
        {"charge": charge.id},
        {"payment_intent": charge.payment_intent},
        {"created": {"gte": dispute.created}},
    ]
    for about in abouts:
        found = stripe.sdk.v1.disputes.list(about).data
        assert dispute.id in [d.id for d in found]
    expanded = stripe.sdk.v1.disputes.retrieve(dispute.id, {"expand": ["charge", "payment_intent"]})
    assert isinstance(expanded.charge, sdk.Charge)
    assert mismatches(sdk.Dispute, stripe.sdk.v1.disputes.retrieve(dispute.id).to_dict()) == []
