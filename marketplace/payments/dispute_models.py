"""Disputes as they lie in the database: what the bank says, what money moved, what we answer."""

from __future__ import annotations

import uuid

from django.db import models

from marketplace.core.money import Money

__all__ = ["Answer", "Dispute", "EvidenceFile", "Movement"]


class Dispute(models.Model):
    """A buyer's bank questions a payment. The row follows what Stripe says, and decides nothing."""

    class Status(models.TextChoices):
        """Stripe's words. A warning is an inquiry: the bank asks, and no money has moved."""

        WARNING_NEEDS_RESPONSE = "warning_needs_response"
        WARNING_UNDER_REVIEW = "warning_under_review"
        WARNING_CLOSED = "warning_closed"
        NEEDS_RESPONSE = "needs_response"
        UNDER_REVIEW = "under_review"
        APPEAL_NEEDS_RESPONSE = "appeal_needs_response"
        APPEAL_UNDER_REVIEW = "appeal_under_review"
        PREVENTED = "prevented"
        WON = "won"
        LOST = "lost"

    class Stage(models.TextChoices):
        """What the status means for order and access; see disputes.stage_of."""

        INQUIRY = "inquiry"
        OPEN = "open"
        WON = "won"
        LOST = "lost"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="disputes"
    )
    stripe_id = models.CharField(max_length=120, unique=True)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    reason = models.CharField(max_length=60, help_text="The bank's, as Stripe names it.")
    status = models.CharField(max_length=24, choices=Status)
    is_refundable = models.BooleanField(help_text="The money may still be given back instead.")
    due_by = models.DateTimeField(
        null=True, blank=True, help_text="Until when it may be answered. Empty: it cannot be."
    )
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    readings = models.PositiveIntegerField(
        default=0, help_text="How often it was read at Stripe: an older answer has no effect."
    )
    applied = models.CharField(
        max_length=8, choices=Stage, blank=True, help_text="What the orders have followed so far."
    )

    class Meta:
        ordering = ["-opened_at"]
        indexes = [models.Index(fields=["closed_at", "due_by"], name="payments_dispute_due")]

    def __str__(self) -> str:
        return f"dispute {self.stripe_id}"

    @property
    def amount(self) -> Money:
        """What the bank took, or asks about, without the fee."""
        return Money(self.amount_minor, self.currency)


class Movement(models.Model):
    """Money that a dispute took from the shop's balance at Stripe, or brought back to it."""

    transaction_id = models.CharField(primary_key=True, max_length=120)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="movements")
    amount_minor = models.BigIntegerField(help_text="Below zero: taken. Without the fee.")
    fee_minor = models.BigIntegerField(help_text="What Stripe took besides.")
    currency = models.CharField(max_length=3)
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "transaction_id"]

    def __str__(self) -> str:
        return self.transaction_id

    @property
    def amount(self) -> Money:
        """How much, whichever way it went."""
        return Money(abs(self.amount_minor), self.currency)

    @property
    def fee(self) -> Money:
        return Money(self.fee_minor, self.currency)


class Answer(models.Model):
    """What the shop says in a dispute; it can be handed in once."""

    class State(models.TextChoices):
        DRAFT = "draft"
        SENDING = "sending"  # fixed; Stripe may or may not have it
        SENT = "sent"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.OneToOneField(Dispute, on_delete=models.PROTECT, related_name="answer")
    texts = models.JSONField(default=dict, help_text="By Stripe's names for evidence.")
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    written_by = models.UUIDField(help_text="The user who saved it last, or handed it in.")
    attempt = models.PositiveSmallIntegerField(
        default=0, help_text="How often Stripe refused it: the next try has a key of its own."
    )
    sent_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"answer {self.id}"


class EvidenceFile(models.Model):
    """A file that goes with the answer: kept at Stripe, known here."""

    class Slot(models.TextChoices):
        """Stripe's names for what a file shows; it takes one of each."""

        RECEIPT = "receipt"
        CUSTOMER_COMMUNICATION = "customer_communication"
        SERVICE_DOCUMENTATION = "service_documentation"
        UNCATEGORIZED = "uncategorized_file"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    dispute = models.ForeignKey(Dispute, on_delete=models.PROTECT, related_name="files")
    slot = models.CharField(max_length=24, choices=Slot)
    name = models.CharField(max_length=120)
    media_type = models.CharField(max_length=20)
    size = models.PositiveIntegerField(help_text="In bytes.")
    sha256 = models.CharField(max_length=64)
    stripe_id = models.CharField(max_length=120, blank=True, help_text="Empty until Stripe has it.")
    added_by = models.UUIDField()
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["slot", "created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["dispute", "slot"],
                condition=~models.Q(stripe_id=""),
                name="payments_one_evidence_file_per_slot",
            ),
        ]

    def __str__(self) -> str:
        return self.name
