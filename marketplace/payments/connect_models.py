"""Paying sellers: where their money goes, and what was sent there.

Each row of a transfer, a reversal or a payout is written before Stripe is asked, and its
id is the idempotency key. Their states only move forwards.
"""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.core.money import Money

__all__ = [
    "BankDetails",
    "ConnectedAccount",
    "Payout",
    "PayoutBatch",
    "Transfer",
    "TransferReversal",
]


class ConnectedAccount(models.Model):
    """A seller's own account at Stripe, as it was when it was last read there."""

    class State(models.TextChoices):
        STARTING = "starting"  # written down; Stripe has not answered yet
        ONBOARDING = "onboarding"  # Stripe waits for the seller's details
        CHECKING = "checking"  # Stripe looks at them
        ACTIVE = "active"
        BANK = "bank"  # it receives money, but another bank account is needed to pay it out
        REJECTED = "rejected"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="connected_account"
    )
    country = models.CharField(max_length=2)
    account_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    state = models.CharField(max_length=16, choices=State, default=State.STARTING)
    reads = models.PositiveIntegerField(default=0, help_text="So that no older answer counts.")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"account {self.account_id or self.id}"

    @property
    def receives(self) -> bool:
        """Whether money may be sent to it."""
        return self.state in (self.State.ACTIVE, self.State.BANK)

    @property
    def pays_out(self) -> bool:
        """Whether its money may go on to the seller's bank."""
        return self.state == self.State.ACTIVE


class BankDetails(models.Model):
    """Where a seller is paid by bank transfer, in a country that Stripe does not pay."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        primary_key=True,
        on_delete=models.PROTECT,
        related_name="bank_details",
    )
    country = models.CharField(max_length=2)
    holder = models.CharField(max_length=100)
    bank = models.CharField(max_length=100)
    number = models.CharField(max_length=40)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.bank} {self.last_digits}"

    @property
    def last_digits(self) -> str:
        """All of the number that a page shows."""
        return "…" + self.number[-4:]


class Transfer(models.Model):
    """A seller's share of one order, sent to their account at Stripe.

    A destination charge sends the shares of all its orders in one transfer: then they have
    one `stripe_id`.
    """

    class State(models.TextChoices):
        REQUESTED = "requested"
        SUCCEEDED = "succeeded"
        FAILED = "failed"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    account_id = models.CharField(max_length=120)
    bill_id = models.UUIDField()
    order_id = models.UUIDField(db_index=True)
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    charge_id = models.CharField(max_length=120, blank=True, help_text="What it is paid from.")
    is_destination = models.BooleanField(default=False)
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    stripe_id = models.CharField(max_length=120, blank=True, db_index=True)
    transaction_id = models.CharField(max_length=120, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["order_id"],
                condition=models.Q(state="requested"),
                name="payments_one_requested_transfer_per_order",
            ),
            models.UniqueConstraint(
                fields=["order_id"],
                condition=models.Q(is_destination=True),
                name="payments_one_destination_per_order",
            ),
        ]

    def __str__(self) -> str:
        return f"transfer {self.id}"


class TransferReversal(models.Model):
    """What of a transfer comes back, because its order was refunded or disputed."""

    State = Transfer.State

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="reversals")
    amount_minor = models.PositiveBigIntegerField()
    state = models.CharField(
        max_length=16, choices=Transfer.State, default=Transfer.State.REQUESTED
    )
    stripe_id = models.CharField(max_length=120, blank=True)
    transaction_id = models.CharField(max_length=120, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["transfer"],
                condition=models.Q(state="requested"),
                name="payments_one_requested_reversal_per_transfer",
            ),
        ]

    def __str__(self) -> str:
        return f"reversal {self.id}"


class PayoutBatch(models.Model):
    """Payouts in one currency that the operator makes by bank transfer, and marks paid once."""

    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()
    paid_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-pk"]
        verbose_name_plural = "payout batches"

    def __str__(self) -> str:
        return f"batch {self.pk}"


class Payout(models.Model):
    """Money to a seller's bank: by Stripe from their account there, or in a bank batch."""

    class State(models.TextChoices):
        REQUESTED = "requested"  # Stripe, or the operator, has still to send it
        SENT = "sent"  # on its way to the bank
        PAID = "paid"
        FAILED = "failed"  # it came back, and is owed to the seller again

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="payouts"
    )
    amount_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    account_id = models.CharField(max_length=120, blank=True, help_text="Empty: by bank transfer.")
    stripe_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    transaction_id = models.CharField(max_length=120, blank=True)
    failure_transaction_id = models.CharField(max_length=120, blank=True)
    batch = models.ForeignKey(
        PayoutBatch, on_delete=models.PROTECT, null=True, blank=True, related_name="payouts"
    )
    holder = models.CharField(max_length=100, blank=True)
    bank = models.CharField(max_length=100, blank=True)
    number = models.CharField(max_length=40, blank=True)
    failure = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["seller", "currency"],
                condition=models.Q(state="requested"),
                name="payments_one_requested_payout_per_seller",
            ),
            models.CheckConstraint(
                name="payments_payout_by_stripe_or_in_a_batch",
                condition=~models.Q(account_id="", batch=None)
                & (models.Q(account_id="") | models.Q(batch=None)),
            ),
        ]

    def __str__(self) -> str:
        return f"payout {self.id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    @property
    def last_digits(self) -> str:
        """All of the account's number that a page shows."""
        return "…" + self.number[-4:]
