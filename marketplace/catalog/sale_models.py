from __future__ import annotations

import uuid

from django.db import models

from marketplace.core.money import Money

__all__ = ["EditionCopy", "SalePeriod"]


class SalePeriod(models.Model):
    """A time in which a listing costs less. Its ends were typed in `zone`, and stay as they are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    listing = models.ForeignKey(
        "catalog.Listing", on_delete=models.PROTECT, related_name="sale_periods"
    )
    price_minor = models.PositiveBigIntegerField(help_text="Minor units; 0 is free.")
    currency = models.CharField(max_length=3)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField(help_text="The first moment that costs the regular price.")
    zone = models.CharField(max_length=64, help_text="IANA: Asia/Seoul.")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["starts_at"]
        indexes = [models.Index(fields=["listing", "ends_at"])]
        constraints = [
            models.CheckConstraint(
                name="catalog_sale_ends_after_it_starts",
                condition=models.Q(ends_at__gt=models.F("starts_at")),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.price} for {self.listing_id}"

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)


class EditionCopy(models.Model):
    """One copy of a limited edition, taken by an order from the moment that it can be paid."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    listing = models.ForeignKey(
        "catalog.Listing", on_delete=models.PROTECT, related_name="edition_copies"
    )
    order_id = models.UUIDField(unique=True)
    number = models.PositiveIntegerField(help_text="1 for the first; goes back with the copy.")
    taken_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["listing", "number"]
        verbose_name_plural = "edition copies"
        constraints = [
            models.UniqueConstraint(
                fields=["listing", "number"],
                condition=models.Q(returned_at__isnull=True),
                name="catalog_edition_number_taken_once",
            ),
        ]

    def __str__(self) -> str:
        return f"copy {self.number} of {self.listing_id}"
