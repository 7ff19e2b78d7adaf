"""The audit log as it lies in the database: entries in their order, and the signed heads."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models

__all__ = ["AuditEntry", "AuditHead", "AuditLock"]


class AuditLogError(TypeError):
    """The audit log was about to be rewritten: a fault of the caller, not of a person."""


class _AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AuditLogError("a row of the audit log is never changed")

    def delete(self) -> NoReturn:
        raise AuditLogError("a row of the audit log is never deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AuditLogError("a row of the audit log is never changed")


class _AppendOnly(models.Model):
    objects = _AppendOnlyQuerySet.as_manager()

    class Meta:
        abstract = True

    def save(
        self,
        *,
        force_insert: bool | tuple[models.base.ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        if not self._state.adding or force_update or update_fields is not None:
            raise AuditLogError("a row of the audit log is never changed")
        super().save(force_insert=True, using=using)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AuditLogError("a row of the audit log is never deleted")


class AuditEntry(_AppendOnly):
    """One entry; hashes in base64url (docs/format-v1.md, section 13)."""

    index = models.PositiveBigIntegerField(primary_key=True)
    body = models.TextField(help_text="Canonical JSON: exactly the bytes that are hashed.")
    document = models.CharField(
        max_length=43, blank=True, db_index=True, help_text="Hash of the document it names."
    )
    leaf = models.CharField(max_length=43)
    chain = models.CharField(max_length=43)

    class Meta:
        ordering = ["index"]

    def __str__(self) -> str:
        return f"audit entry {self.index}"


class AuditHead(_AppendOnly):
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
