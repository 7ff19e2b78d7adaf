from __future__ import annotations

from django.db import models

__all__ = ["Event"]


class Event(models.Model):
    """Something that open pages and running seeders should hear of at once.

    Written in the transaction that makes it true, sent by the relay of every web
    process: so it crosses processes, and nothing is told that did not happen.
    """

    group = models.CharField(max_length=100)
    kind = models.CharField(max_length=60)
    payload = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    def __str__(self) -> str:
        return f"{self.kind} to {self.group}"
