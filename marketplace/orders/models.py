from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.catalog.models import Listing
from marketplace.core.money import Money
from marketplace.packaging.models import Package

__all__ = ["Order"]


class Order(models.Model):
    """One buyer's purchase of one listing, at the price it had when the order was made."""

    class State(models.TextChoices):
        PENDING = "pending"
        PAID = "paid"
        EXPIRED = "expired"  # never paid; nothing was taken
        REFUNDED = "refunded"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.CharField(max_length=20, unique=True, help_text="For people: G-7K2M-Q9XT.")
    buyer = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="orders"
    )
    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="orders")
    package = models.ForeignKey(Package, on_delete=models.PROTECT, related_name="orders")
    title = models.CharField(max_length=200)
    price_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    rights = models.JSONField(help_text="What was agreed on, as in the licence.")
    start_days = models.PositiveSmallIntegerField(
        null=True, blank=True, help_text="Of a rental: days to begin watching."
    )
    spent = models.BooleanField(
        default=False, help_text="A rental that is over: its buyer may order it again."
    )
    language = models.CharField(max_length=10, default="en", help_text="Of the buyer's mail.")
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    created_at = models.DateTimeField(auto_now_add=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    refunded_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["buyer", "listing"],
                condition=models.Q(state__in=["pending", "paid"], spent=False),
                name="orders_one_live_order_per_buyer_and_listing",
            ),
            models.CheckConstraint(
                name="orders_paid_has_a_date",
                condition=~models.Q(state__in=["paid", "refunded"])
                | models.Q(paid_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def may_save(self) -> bool:
        return self.rights.get("save") is True

    @property
    def is_rental(self) -> bool:
        return "play_window" in self.rights

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)
