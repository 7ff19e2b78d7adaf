"""Entitlements, the log that makes them what they are, and the licences issued on them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.accounts.models import Device
from marketplace.catalog.models import Listing
from marketplace.core.append_only import AppendOnlyModel
from marketplace.licensing.audit_models import AuditEntry, AuditHead, AuditLock
from marketplace.licensing.lease_models import Lease
from marketplace.packaging.models import Package

__all__ = [
    "AuditEntry",
    "AuditHead",
    "AuditLock",
    "Entitlement",
    "EntitlementEvent",
    "Lease",
    "Licence",
]


class Entitlement(models.Model):
    """That a user may open a package, under which rights, in which state.

    The state is what the events add up to; it is written with the event that
    changes it, in one transaction.
    """

    class Kind(models.TextChoices):
        PURCHASE = "purchase"
        RENTAL = "rental"
        SUBSCRIPTION = "subscription"
        LOAN = "loan"
        GIFT = "gift"
        TRANSFER = "transfer"
        PRESENT = "present"  # bought for somebody else: its giver's side

    class State(models.TextChoices):
        ACTIVE = "active"
        GIVEN = "given"  # a present that waits to be claimed
        SUSPENDED = "suspended"  # its payment is disputed: nothing new is issued
        REVOKED = "revoked"
        CHARGED_BACK = "charged_back"
        LENT = "lent"
        TRANSFERRED = "transferred"
        RETURNED = "returned"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="entitlements"
    )
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="entitlements")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="entitlements")
    kind = models.CharField(max_length=16, choices=Kind, default=Kind.PURCHASE)
    order_id = models.UUIDField(unique=True, null=True, blank=True)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="children",
        help_text="What it was lent, given or transferred from.",
    )
    rights = models.JSONField(help_text="As in the licence: {'play': true, 'save': false}.")
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField()
    start_by = models.DateTimeField(
        null=True, blank=True, help_text="Of a rental: the last moment to begin watching."
    )
    expires_at = models.DateTimeField(
        null=True, blank=True, help_text="From then on it opens nothing. Empty: it is for good."
    )
    first_play_at = models.DateTimeField(
        null=True, blank=True, help_text="The earliest that any device told; it began the window."
    )
    plays_used = models.PositiveIntegerField(default=0, help_text="As the devices told.")
    on_hold = models.BooleanField(
        default=False, help_text="Its devices are giving it back: nothing new is issued on it."
    )
    sequence = models.PositiveBigIntegerField(
        default=0, help_text="Grows with each event: of two signed words the higher counts."
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["package", "state"])]
        constraints = [
            models.CheckConstraint(
                name="licensing_entitlement_state_is_known",
                condition=models.Q(
                    state__in=[
                        "active",
                        "given",
                        "suspended",
                        "revoked",
                        "charged_back",
                        "lent",
                        "transferred",
                        "returned",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="licensing_entitlement_kind_is_known",
                condition=models.Q(
                    kind__in=[
                        "purchase",
                        "rental",
                        "subscription",
                        "loan",
                        "gift",
                        "transfer",
                        "present",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"entitlement {self.id}"


class EntitlementEvent(AppendOnlyModel):
    """One entry of the append-only log; `source` makes the same cause count once."""

    class Kind(models.TextChoices):
        GRANTED = "granted"
        GIFTED = "gifted"  # granted to its giver, for somebody else to claim
        CLAIMED = "claimed"
        REFUNDED = "refunded"
        REFUNDED_PART = "refunded_part"
        WITHDRAWN = "withdrawn"  # by law, within the days that a buyer has
        PAYMENT_FAILED = "payment_failed"  # late: it had counted as paid
        RESTORED = "restored"  # the refund came back from the buyer's bank
        DISPUTE_OPENED = "dispute_opened"
        DISPUTE_WON = "dispute_won"
        DISPUTE_LOST = "dispute_lost"
        RECEIVED = "received"  # lent, given or transferred to its holder
        LENT = "lent"
        RETURNED = "returned"  # the end of a loan: for the borrower's and for the lender's own
        TRANSFERRED = "transferred"  # also as a gift
        EXTENDED = "extended"  # a subscription or a loan was renewed

    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    source = models.CharField(max_length=160, unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="licensing_event_kind_is_known",
                condition=models.Q(
                    kind__in=[
                        "granted",
                        "gifted",
                        "claimed",
                        "refunded",
                        "refunded_part",
                        "withdrawn",
                        "payment_failed",
                        "restored",
                        "dispute_opened",
                        "dispute_won",
                        "dispute_lost",
                        "received",
                        "lent",
                        "returned",
                        "transferred",
                        "extended",
                    ]
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.source}"


class Licence(models.Model):
    """The signed licence of one device for one version, exactly as it was issued."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="licences")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="licences")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="licences")
    jws = models.TextField()
    sealing_key = models.TextField(help_text="The device's key that it is sealed to, base64url.")
    issued_at = models.DateTimeField()
    surrendered_at = models.DateTimeField(
        null=True, blank=True, help_text="When its device signed that it had deleted it."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement", "package", "device"],
                condition=models.Q(surrendered_at__isnull=True),
                name="licensing_one_licence_per_device",
            ),
        ]

    def __str__(self) -> str:
        return f"licence {self.id}"
