from __future__ import annotations

from django.db import models

__all__ = ["Mail"]


class Mail(models.Model):
    """A message that a production shop would have sent."""

    to = models.CharField(max_length=320)
    subject = models.CharField(max_length=300)
    body = models.TextField()
    html = models.TextField(blank=True)
    sent_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-id"]
        verbose_name_plural = "mail"

    def __str__(self) -> str:
        return self.subject
