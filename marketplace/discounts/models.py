from __future__ import annotations

import datetime as dt
import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.catalog.models import Listing
from marketplace.core.money import Money

__all__ = ["Code", "Redemption"]


class Code(models.Model):
    """What a seller takes off the price for whoever types this word. Its terms never change."""

    class Kind(models.TextChoices):
        PERCENT = "percent", _("A part of the price")
        AMOUNT = "amount", _("A fixed amount")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="discount_codes"
    )
    shown = models.CharField(max_length=64, help_text="As the seller wrote it.")
    text = models.CharField(
        max_length=200, unique=True, help_text="The form in which codes are compared."
    )
    kind = models.CharField(max_length=16, choices=Kind)
    percent = models.PositiveSmallIntegerField(null=True, blank=True)
    amount_minor = models.PositiveBigIntegerField(null=True, blank=True)
    minimum_minor = models.PositiveBigIntegerField(
        default=0, help_text="What the seller's items must cost together."
    )
    currency = models.CharField(
        max_length=3, blank=True, help_text="Of the amounts; empty: items in any currency."
    )
    everything = models.BooleanField(default=True, help_text="All that the seller offers.")
    listings = models.ManyToManyField(Listing, blank=True, related_name="discount_codes")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(null=True, blank=True)
    zone = models.CharField(
        max_length=64, default="UTC", help_text="In which the seller gave the times."
    )
    total_limit = models.PositiveIntegerField(null=True, blank=True)
    buyer_limit = models.PositiveIntegerField(null=True, blank=True, default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    ended_at = models.DateTimeField(
        null=True, blank=True, help_text="When its seller switched it off."
    )

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.CheckConstraint(
                name="discounts_code_takes_a_percent_or_an_amount",
                condition=models.Q(
                    kind="percent",
                    percent__isnull=False,  # a comparison with nothing would pass
                    percent__gte=1,
                    percent__lte=100,
                    amount_minor__isnull=True,
                )
                | models.Q(
                    ~models.Q(currency=""),
                    kind="amount",
                    percent__isnull=True,
                    amount_minor__isnull=False,
                    amount_minor__gt=0,
                ),
            ),
            models.CheckConstraint(
                name="discounts_code_minimum_has_a_currency",
                condition=models.Q(minimum_minor=0) | ~models.Q(currency=""),
            ),
            models.CheckConstraint(
                name="discounts_code_ends_after_it_starts",
                condition=models.Q(ends_at__isnull=True)
                | models.Q(ends_at__gt=models.F("starts_at")),
            ),
            models.CheckConstraint(
                name="discounts_code_limits_are_not_zero",
                condition=(models.Q(total_limit__isnull=True) | models.Q(total_limit__gt=0))
                & (models.Q(buyer_limit__isnull=True) | models.Q(buyer_limit__gt=0)),
            ),
        ]

    def __str__(self) -> str:
        return self.shown

    @property
    def amount(self) -> Money | None:
        """What is taken off, or None where it is a part of the price."""
        return None if self.amount_minor is None else Money(self.amount_minor, self.currency)

    @property
    def minimum(self) -> Money | None:
        """What the items must cost together, or None where any price will do."""
        return Money(self.minimum_minor, self.currency) if self.minimum_minor else None

    def state(self, now: dt.datetime) -> str:
        """waiting, running or over, by its times and its switch; its limit is another matter."""
        if self.ended_at is not None or (self.ends_at is not None and self.ends_at <= now):
            return "over"
        return "waiting" if now < self.starts_at else "running"


class Redemption(models.Model):
    """One bill on which a code was entered. Its state goes forwards only:

    reserved ► released ► used

    so a bill that was paid after it had expired counts as a use after all.
    """

    class State(models.TextChoices):
        RESERVED = "reserved"  # the payment is open
        RELEASED = "released"  # never paid: the use is free again
        USED = "used"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.ForeignKey(Code, on_delete=models.PROTECT, related_name="redemptions")
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="redemptions"
    )
    bill_id = models.UUIDField()
    amount_minor = models.PositiveBigIntegerField(help_text="Taken off the bill, in all.")
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.RESERVED)
    created_at = models.DateTimeField(auto_now_add=True)
    changed_at = models.DateTimeField(help_text="When the state was reached.")

    class Meta:
        ordering = ["-created_at", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["bill_id"], name="discounts_one_code_per_bill"),
        ]
        indexes = [
            # The count behind a code's lock is by these two, or with the buyer besides.
            models.Index(fields=["code", "state", "buyer"], name="discounts_uses_of_a_code"),
        ]

    def __str__(self) -> str:
        return f"{self.code_id} on bill {self.bill_id}"

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)
