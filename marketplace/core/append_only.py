"""Rows that are written once: the logs that others rely on."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NoReturn

from django.db import models

__all__ = ["AppendOnlyError", "AppendOnlyModel"]


class AppendOnlyError(TypeError):
    """A log was about to be rewritten: a fault of the caller, not of a person."""


class _AppendOnlyQuerySet(models.QuerySet[Any]):
    def update(self, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("an entry of the log is never changed")

    def delete(self) -> NoReturn:
        raise AppendOnlyError("an entry of the log is never deleted")

    def bulk_update(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("an entry of the log is never changed")


class AppendOnlyModel(models.Model):
    """A table whose rows Django neither changes nor deletes. Raises AppendOnlyError."""

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
            raise AppendOnlyError("an entry of the log is never changed")
        super().save(force_insert=True, using=using)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise AppendOnlyError("an entry of the log is never deleted")
