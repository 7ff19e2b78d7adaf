from __future__ import annotations

import uuid

from django.db import models

__all__ = ["ListingVersion"]


class ListingVersion(models.Model):
    """One version of what a listing sells, from its draft to its package; it never changes again.

    Each has its own content key and its own files: a licence opens the version that it was
    made for, for ever, whatever comes later.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    listing = models.ForeignKey(
        "catalog.Listing", on_delete=models.PROTECT, related_name="versions"
    )
    number = models.PositiveIntegerField(help_text="1 for the first; as the manifest says.")
    notes = models.TextField(blank=True, help_text="What is new, in the seller's words.")
    draft = models.OneToOneField(
        "packaging.PackageDraft", on_delete=models.PROTECT, related_name="version_of"
    )
    package = models.OneToOneField(
        "packaging.Package",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="version_of",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["listing", "number"]
        constraints = [
            models.UniqueConstraint(
                fields=["listing", "number"], name="catalog_version_number_once"
            ),
            models.UniqueConstraint(
                fields=["listing"],
                condition=models.Q(published_at__isnull=True),
                name="catalog_one_version_in_the_making",
            ),
            models.CheckConstraint(
                name="catalog_published_version_has_package",
                condition=models.Q(published_at__isnull=True) | models.Q(package__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"version {self.number} of {self.listing_id}"
