from __future__ import annotations

import uuid

from django.db import models

from marketplace.payments.connect_models import (
    BankDetails,
    ConnectedAccount,
    Payout,
    PayoutBatch,
    Transfer,
    TransferReversal,
)
from marketplace.payments.dispute_models import Answer, Dispute, EvidenceFile, Movement
from marketplace.payments.subscription_models import Subscription, SubscriptionInvoice

__all__ = [
    "Answer",
    "BankDetails",
    "ConnectedAccount",
    "Dispute",
    "EvidenceFile",
    "Movement",
    "Payment",
    "Payout",
    "PayoutBatch",
    "Refund",
    "StripeEvent",
    "Subscription",
    "SubscriptionInvoice",
    "Transfer",
    "TransferReversal",
]


class Payment(models.Model):
    """The attempt to pay a bill by Stripe Checkout. A new attempt is a new bill."""

    class State(models.TextChoices):
        STARTING = "starting"  # intent written, Stripe not yet asked
        OPEN = "open"  # the hosted page waits for the buyer
        PROCESSING = "processing"  # paid by a method that settles later
        SUCCEEDED = "succeeded"
        FAILED = "failed"
        EXPIRED = "expired"
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    bill_id = models.UUIDField()
    sole_order_id = models.UUIDField(
        null=True, blank=True, help_text="The order, where the bill has just one."
    )
    amount_minor = models.PositiveBigIntegerField(help_text="0: shop credit paid it all.")
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.STARTING)
    session_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    checkout_url = models.TextField(blank=True)
    payment_intent_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    charge_id = models.CharField(max_length=120, blank=True)
    balance_transaction_id = models.CharField(max_length=120, blank=True)
    stripe_fee_minor = models.BigIntegerField(
        null=True, blank=True, help_text="What Stripe kept; empty until it says so."
    )
    tax_minor = models.PositiveBigIntegerField(default=0, help_text="Included in the amount.")
    buyer_country = models.CharField(
        max_length=2, blank=True, help_text="As told on Stripe's page."
    )
    buyer_tax_id = models.CharField(
        max_length=60, blank=True, help_text="VAT or GST number of a business, as told there."
    )
    destination = models.CharField(
        max_length=120, blank=True, help_text="The seller's account at Stripe, if it is paid there."
    )
    application_fee_minor = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField(help_text="When the hosted page closes.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bill_id"], name="payments_one_payment_per_bill"),
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
    order_id = models.UUIDField(
        null=True, blank=True, help_text="Empty: made at Stripe for a bill of several orders."
    )
    amount_minor = models.PositiveBigIntegerField(help_text="What goes back by Stripe.")
    credit_minor = models.PositiveBigIntegerField(
        default=0, help_text="What goes back as shop credit besides."
    )
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    balance_transaction_id = models.CharField(max_length=120, blank=True)
    failure_transaction_id = models.CharField(
        max_length=120, blank=True, help_text="Of the money that came back to us."
    )
    stripe_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    failure = models.CharField(max_length=300, blank=True, help_text="Why it failed.")
    at_stripe = models.BooleanField(
        default=False, help_text="Made at Stripe, where nobody knows of orders and credit."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["payment", "order_id"],
                condition=models.Q(state="requested"),
                name="payments_one_requested_refund_per_order",
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
