"""Entitlements, the log that makes them what they are, and the licences issued on them."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.accounts.models import Device
from marketplace.catalog.models import Listing
from marketplace.core.append_only import AppendOnlyModel
from marketplace.licensing.audit_models import AuditEntry, AuditHead, AuditLock
from marketplace.packaging.models import Package

__all__ = ["AuditEntry", "AuditHead", "AuditLock", "Entitlement", "EntitlementEvent", "Licence"]


class Entitlement(models.Model):
    """That a user may open a package, under which rights, in which state.

    The state is what the events add up to; it is written with the event that
    changes it, in one transaction.
    """

    class State(models.TextChoices):
        ACTIVE = "active"
        REVOKED = "revoked"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="entitlements"
    )
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="entitlements")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="entitlements")
    order_id = models.UUIDField(unique=True)
    rights = models.JSONField(help_text="As in the licence: {'play': true, 'save': false}.")
    state = models.CharField(max_length=16, choices=State, default=State.ACTIVE)
    created_at = models.DateTimeField()
    sequence = models.PositiveBigIntegerField(
        default=0, help_text="Grows with each event: of two signed words the higher counts."
    )

    class Meta:
        ordering = ["-created_at"]
        indexes = [models.Index(fields=["package", "state"])]
        constraints = [
            models.CheckConstraint(
                name="licensing_entitlement_state_is_known",
                condition=models.Q(state__in=["active", "revoked"]),
            ),
        ]

    def __str__(self) -> str:
        return f"entitlement {self.id}"


class EntitlementEvent(AppendOnlyModel):
    """One entry of the append-only log; `source` makes the same cause count once."""

    class Kind(models.TextChoices):
        GRANTED = "granted"
        REFUNDED = "refunded"
        RESTORED = "restored"  # the refund came back from the buyer's bank

    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="events")
    kind = models.CharField(max_length=16, choices=Kind)
    source = models.CharField(max_length=160, unique=True)
    at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.CheckConstraint(
                name="licensing_event_kind_is_known",
                condition=models.Q(kind__in=["granted", "refunded", "restored"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} by {self.source}"


class Licence(models.Model):
    """The signed licence of one device, exactly as it was issued."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="licences")
    device = models.ForeignKey(Device, on_delete=models.PROTECT, related_name="licences")
    jws = models.TextField()
    sealing_key = models.TextField(help_text="The device's key that it is sealed to, base64url.")
    issued_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement", "device"], name="licensing_one_licence_per_device"
            ),
        ]

    def __str__(self) -> str:
        return f"licence {self.id}"
