"""The audit log as it lies in the database: entries in their order, and the signed heads."""

from __future__ import annotations

from django.db import models

from marketplace.core.append_only import AppendOnlyModel

__all__ = ["AuditEntry", "AuditHead", "AuditLock"]


class AuditEntry(AppendOnlyModel):
    """One entry; hashes in base64url (docs/format-v1.md, section 14)."""

    index = models.PositiveBigIntegerField(primary_key=True)
    body = models.TextField(help_text="Canonical JSON: exactly the bytes that are hashed.")
    document = models.CharField(
        max_length=43, blank=True, db_index=True, help_text="Hash of the document it names."
    )
    leaf = models.CharField(max_length=43)
    chain = models.CharField(max_length=43)

    class Meta:
        ordering = ["index"]
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"audit entry {self.index}"


class AuditHead(AppendOnlyModel):
    """A signed head; `day` is the UTC day it was signed on."""

    tree_size = models.PositiveBigIntegerField(primary_key=True)
    root = models.CharField(max_length=43)
    jws = models.TextField()
    day = models.DateField()

    class Meta:
        ordering = ["tree_size"]

    def __str__(self) -> str:
        return f"audit head over {self.tree_size}"


class AuditLock(models.Model):
    """One row, held by whoever appends: entries come one after the other."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)

    def __str__(self) -> str:
        return "audit lock"
