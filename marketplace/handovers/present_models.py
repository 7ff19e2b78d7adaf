from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

__all__ = ["Present", "PresentLink"]


class Present(models.Model):
    """Something bought for somebody else, on its way to an address.

    waiting → claimed, by whoever came with the link; waiting → kept, by its giver. What
    became of its money stands with the entitlement, and is asked there.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        CLAIMED = "claimed"
        KEPT = "kept"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    order = models.OneToOneField(
        "orders.Order", on_delete=models.PROTECT, related_name="present", editable=False
    )
    entitlement = models.OneToOneField(
        "licensing.Entitlement", on_delete=models.PROTECT, related_name="present"
    )
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="presents_given"
    )
    address = models.EmailField(help_text="Where the link goes, in small letters.")
    message = models.TextField(blank=True)
    language = models.CharField(max_length=10, default="en", help_text="Of the mails about it.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="presents_claimed",
    )
    given_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-given_at"]
        constraints = [
            models.CheckConstraint(
                name="handovers_present_state_is_known",
                condition=models.Q(state__in=["waiting", "claimed", "kept"]),
            ),
            models.CheckConstraint(
                name="handovers_present_has_its_claimer",
                condition=models.Q(state="waiting", claimed_by__isnull=True)
                | (~models.Q(state="waiting") & models.Q(claimed_by__isnull=False)),
            ),
        ]

    def __str__(self) -> str:
        return f"present {self.id}"


class PresentLink(models.Model):
    """A link that was mailed: the hash of its token, and to where. Whoever has it may claim."""

    present = models.ForeignKey(Present, on_delete=models.CASCADE, related_name="links")
    digest = models.CharField(max_length=64, unique=True, help_text="SHA-256 of the token, hex.")
    address = models.EmailField(help_text="Where it went: for another address it opens nothing.")
    sent_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]

    def __str__(self) -> str:
        return f"link to {self.present_id}"
