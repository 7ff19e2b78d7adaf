from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from marketplace.core.money import Money

__all__ = ["Bundle", "BundleItem"]


class Bundle(models.Model):
    """Several listings of one seller at one price. Each is bought as an order of its own."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("Draft")
        ON_SALE = "on_sale", _("On sale")
        WITHDRAWN = "withdrawn", _("Withdrawn")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seller = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="bundles"
    )
    title = models.CharField(max_length=200)
    description = models.TextField(blank=True, help_text="Markdown.")
    price_minor = models.PositiveBigIntegerField()
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    listings = models.ManyToManyField(
        "catalog.Listing", through="catalog.BundleItem", related_name="bundles"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.CheckConstraint(
                name="catalog_bundle_on_sale_has_a_date",
                condition=~models.Q(status="on_sale") | models.Q(published_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def price(self) -> Money:
        return Money(self.price_minor, self.currency)


class BundleItem(models.Model):
    """A listing in a bundle."""

    bundle = models.ForeignKey(Bundle, on_delete=models.CASCADE, related_name="items")
    listing = models.ForeignKey(
        "catalog.Listing", on_delete=models.PROTECT, related_name="bundle_items"
    )
    position = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["bundle", "listing"], name="catalog_listing_once_in_a_bundle"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.listing_id} in {self.bundle_id}"
