from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.handovers.present_models import Present, PresentLink
from marketplace.licensing.models import Entitlement, Licence

__all__ = ["Handover", "Present", "PresentLink", "Surrender"]


class Handover(models.Model):
    """One passing of an entitlement from its holder to another person.

    offered → surrendering (devices give their licences back) → done, or lent → returning →
    returned. A gift was never opened, so it goes from offered to done. offered → declined;
    offered or surrendering → cancelled.
    """

    class Kind(models.TextChoices):
        LOAN = "loan"
        GIFT = "gift"
        TRANSFER = "transfer"

    class State(models.TextChoices):
        OFFERED = "offered"
        SURRENDERING = "surrendering"
        LENT = "lent"
        RETURNING = "returning"
        DONE = "done"
        RETURNED = "returned"
        CANCELLED = "cancelled"
        DECLINED = "declined"

    # While it is in one of these, the entitlement is in no other handover.
    OPEN = (State.OFFERED, State.SURRENDERING, State.LENT, State.RETURNING)

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=8, choices=Kind)
    state = models.CharField(max_length=12, choices=State, default=State.OFFERED)
    entitlement = models.ForeignKey(Entitlement, on_delete=models.PROTECT, related_name="handovers")
    child = models.OneToOneField(
        Entitlement,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="received_by",
        help_text="What the receiver got.",
    )
    giver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="handovers_given"
    )
    address = models.EmailField(help_text="Whom it is offered to, in small letters.")
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="handovers_received",
    )
    days = models.PositiveSmallIntegerField(null=True, blank=True, help_text="Of a loan.")
    language = models.CharField(max_length=10, default="en", help_text="Of the mails about it.")
    offered_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True, help_text="When a loan ends.")
    back_by = models.DateTimeField(
        null=True, blank=True, help_text="When the last lease of a loan has run out."
    )
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-offered_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["entitlement"],
                condition=models.Q(state__in=["offered", "surrendering", "lent", "returning"]),
                name="handovers_one_open_per_entitlement",
            ),
            models.CheckConstraint(
                name="handovers_state_is_known",
                condition=models.Q(
                    state__in=[
                        "offered", "surrendering", "lent", "returning",
                        "done", "returned", "cancelled", "declined",
                    ]
                ),
            ),
            models.CheckConstraint(
                name="handovers_a_loan_has_days_and_nothing_else_has",
                condition=models.Q(kind="loan", days__gte=1)
                | models.Q(kind__in=["gift", "transfer"], days__isnull=True),
            ),
        ]  # fmt: skip

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"

    @property
    def open(self) -> bool:
        return self.state in self.OPEN


class Surrender(models.Model):
    """That a device is asked to give a licence back, and its signed word once it has."""

    handover = models.ForeignKey(Handover, on_delete=models.PROTECT, related_name="surrenders")
    licence = models.ForeignKey(Licence, on_delete=models.PROTECT, related_name="surrenders")
    word = models.TextField(blank=True, help_text="The JWS that the device signed.")
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["handover", "licence"], name="handovers_a_licence_is_asked_for_once"
            ),
        ]

    def __str__(self) -> str:
        return f"surrender of {self.licence_id}"
