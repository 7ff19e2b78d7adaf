"""Leases as the shop remembers them: of when they were asked for, the day alone."""

from __future__ import annotations

from django.db import models

__all__ = ["Lease"]


class Lease(models.Model):
    """One lease of a licence: which lease was presented for it, and the play it set aside.

    `reported` is empty until the device has presented this lease in turn. The row tells
    the day, and neither the hour nor what was played.
    """

    licence = models.ForeignKey(
        "licensing.Licence", on_delete=models.PROTECT, related_name="leases"
    )
    counter = models.PositiveBigIntegerField()
    presented = models.PositiveBigIntegerField(
        help_text="Counter of the lease that the device held; 0 for none."
    )
    epoch = models.PositiveIntegerField(default=0)
    set_aside = models.PositiveSmallIntegerField(
        default=0, help_text="Plays that this lease allows, where they are counted."
    )
    reported = models.PositiveIntegerField(
        null=True, blank=True, help_text="Plays begun under it, as the device told."
    )
    day = models.DateField()

    class Meta:
        ordering = ["licence", "counter"]
        constraints = [
            models.UniqueConstraint(
                fields=["licence", "counter"], name="licensing_lease_counter_once"
            ),
        ]

    def __str__(self) -> str:
        return f"lease {self.counter} of licence {self.licence_id}"
