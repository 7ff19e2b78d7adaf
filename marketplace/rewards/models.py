"""How each delivery pool was shared out, and what of it became whose shop credit."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models

from marketplace.catalog.models import Listing
from marketplace.core.money import Money
from marketplace.orders.models import Order

__all__ = ["ClosedPool", "Receiving", "Reward"]


class Receiving(models.Model):
    """One person who receives one listing: the row that is locked while a pool of theirs closes.

    What an earlier order of the same has paid for, a later one does not pay for again.
    """

    listing = models.ForeignKey(Listing, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["listing", "receiver"], name="rewards_one_receiving_per_listing"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id} to {self.receiver_id}"


class ClosedPool(models.Model):
    """The delivery pool of one order, shared out: what was in it went to three.

    `rewards_minor` is what deliverers earned; `given_at` says when it became their credit.
    """

    order = models.OneToOneField(Order, on_delete=models.PROTECT, related_name="closed_pool")
    receiving = models.ForeignKey(
        Receiving, on_delete=models.PROTECT, null=True, blank=True, related_name="pools"
    )
    currency = models.CharField(max_length=3)
    pool_minor = models.PositiveBigIntegerField()
    rewards_minor = models.PositiveBigIntegerField(help_text="To those who delivered.")
    operator_minor = models.PositiveBigIntegerField(help_text="For what the origin delivered.")
    seller_minor = models.PositiveBigIntegerField(help_text="For what nobody delivered.")
    origin_bytes = models.PositiveBigIntegerField(default=0)
    closed_at = models.DateTimeField()
    matures_on = models.DateField(help_text="From then on no bank disputes the payment.")
    given_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-closed_at"]
        indexes = [
            models.Index(
                fields=["matures_on"],
                condition=models.Q(given_at__isnull=True, rewards_minor__gt=0),
                name="rewards_waiting",
            ),
        ]
        constraints = [
            models.CheckConstraint(
                name="rewards_pool_is_shared_out_whole",
                condition=models.Q(
                    pool_minor=models.F("rewards_minor")
                    + models.F("operator_minor")
                    + models.F("seller_minor")
                ),
            ),
        ]

    def __str__(self) -> str:
        return f"pool of {self.order_id}"


class Reward(models.Model):
    """What one person delivered of one order, and what that earned."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pool = models.ForeignKey(ClosedPool, on_delete=models.PROTECT, related_name="rewards")
    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="rewards"
    )
    bytes = models.PositiveBigIntegerField(help_text="Delivered, and paid for by this pool.")
    earned_minor = models.PositiveBigIntegerField()
    given_minor = models.PositiveBigIntegerField(
        null=True, blank=True, help_text="What became credit. Empty: it waits."
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["pool", "sender"], name="rewards_one_per_pool_and_sender"
            ),
            models.CheckConstraint(
                name="rewards_no_more_given_than_earned",
                condition=models.Q(given_minor__isnull=True)
                | models.Q(given_minor__lte=models.F("earned_minor")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.earned} to {self.sender_id}"

    @property
    def earned(self) -> Money:
        return Money(self.earned_minor, self.pool.currency)
