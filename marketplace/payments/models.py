from __future__ import annotations

import uuid

from django.db import models

__all__ = ["Payment", "Refund", "StripeEvent"]


class Payment(models.Model):
    """The attempt to pay an order by Stripe Checkout. A new attempt is a new order."""

    class State(models.TextChoices):
        STARTING = "starting"  # intent written, Stripe not yet asked
        OPEN = "open"  # the hosted page waits for the buyer
        PROCESSING = "processing"  # paid by a method that settles later
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        EXPIRED = "expired"
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order_id = models.UUIDField()
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.STARTING)
    session_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_intent_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    expires_at = models.DateTimeField(help_text="When the hosted page closes.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["order_id"], name="payments_one_payment_per_order"),
        ]

    def __str__(self) -> str:
        return f"payment {self.id}"


class Refund(models.Model):
    """Money that goes back; the row is written before Stripe is asked."""

    class State(models.TextChoices):
        REQUESTED = "requested"
        PENDING = "pending"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="refunds")
    amount_minor = models.PositiveBigIntegerField()
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    stripe_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    failure = models.CharField(max_length=300, blank=True, help_text="Why it failed.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["payment"],
                condition=models.Q(state="requested"),
                name="payments_one_requested_refund_per_payment",
            ),
        ]

    def __str__(self) -> str:
        return f"refund {self.id}"


class StripeEvent(models.Model):
    """The inbox: each event of Stripe once, by its id, until it was acted on."""

    event_id = models.CharField(primary_key=True, max_length=120)
    type = models.CharField(max_length=80)
    object_id = models.CharField(
        max_length=120, help_text="The session, or the payment intent, that it is about."
    )
    received_at = models.DateTimeField(auto_now_add=True)
    processed_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    last_error = models.TextField(blank=True)

    def __str__(self) -> str:
        return self.event_id
