from __future__ import annotations

import uuid

from django.db import models

from marketplace.core.append_only import AppendOnlyModel

__all__ = ["Account", "Entry", "Posting"]


class Account(AppendOnlyModel):
    """Where money of one currency stands; its balance is the sum of its postings."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    code = models.CharField(max_length=80, unique=True, help_text="stripe:KRW, seller:<uuid>:KRW")
    kind = models.CharField(max_length=24, help_text="A name of the chart of accounts.")
    owner_id = models.UUIDField(
        null=True, blank=True, help_text="The user, bill or order that the account is about."
    )
    currency = models.CharField(max_length=3)

    class Meta:
        ordering = ["code"]
        indexes = [
            models.Index(fields=["kind", "currency"], name="ledger_account_kind"),
            models.Index(fields=["owner_id", "kind"], name="ledger_account_owner"),
        ]

    def __str__(self) -> str:
        return self.code


class Entry(AppendOnlyModel):
    """Something that happened to money, once; its postings sum to zero in each currency."""

    id = models.BigAutoField(primary_key=True)
    kind = models.CharField(max_length=32)
    source = models.CharField(
        max_length=120, unique=True, help_text="What it books, so that it is booked once."
    )
    at = models.DateTimeField(help_text="When it happened.")
    external = models.CharField(
        max_length=120, blank=True, db_index=True, help_text="The object at Stripe, if any: ch_…"
    )
    memo = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "entries"

    def __str__(self) -> str:
        return f"{self.kind} {self.source}"


class Posting(AppendOnlyModel):
    """One line of an entry: plus is a debit, minus a credit, in minor units."""

    id = models.BigAutoField(primary_key=True)
    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="postings")
    # The indexes below begin with the account.
    account = models.ForeignKey(
        Account, on_delete=models.PROTECT, related_name="postings", db_index=False
    )
    amount_minor = models.BigIntegerField()
    order_id = models.UUIDField(
        null=True, blank=True, db_index=True, help_text="The order that the line is about."
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["account", "amount_minor"], name="ledger_posting_balance"),
            models.Index(fields=["account", "-id"], name="ledger_posting_statement"),
        ]
        constraints = [
            models.CheckConstraint(
                name="ledger_no_empty_posting", condition=~models.Q(amount_minor=0)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor:+} {self.account}"
