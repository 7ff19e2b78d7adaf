"""Checking the books by themselves. What they say of Stripe is compared elsewhere (earnings)."""

from __future__ import annotations

from collections.abc import Iterator

from django.db.models import Sum

from marketplace.core.money import Money
from marketplace.ledger.chart import KINDS
from marketplace.ledger.models import Account, Entry, Posting

__all__ = ["faults"]


def faults() -> Iterator[str]:
    """Each fault as a sentence that names entry or account; none where all is well."""
    yield from _unbalanced()
    for source in Entry.objects.filter(postings=None).values_list("source", flat=True):
        yield f"Entry {source} has no postings."
    yield from _misnamed()
    yield from _overdrawn()


def _unbalanced() -> Iterator[str]:
    rows = (
        Posting.objects.order_by("entry_id", "account__currency")
        .values_list("entry__source", "account__currency")
        .annotate(total=Sum("amount_minor"))
        .exclude(total=0)
    )
    for source, currency, total in rows:
        yield f"Entry {source} does not sum to zero: {Money(total, currency)} too much."


def _misnamed() -> Iterator[str]:
    for account in Account.objects.iterator():
        owner = f":{account.owner_id}" if account.owner_id else ""
        if account.kind not in KINDS:
            yield f"Account {account.code} is of no known kind: {account.kind}."
        elif account.code != f"{account.kind}{owner}:{account.currency}":
            yield f"Account {account.code} does not bear its own name."


def _overdrawn() -> Iterator[str]:
    guarded = [str(kind) for kind, rules in KINDS.items() if rules.guarded]
    rows = (
        Account.objects.filter(kind__in=guarded)
        .values_list("code", "currency")
        .annotate(total=Sum("postings__amount_minor"))
        .filter(total__gt=0)
        .order_by("code")
    )
    for code, currency, total in rows:
        yield f"Account {code} is overdrawn by {Money(total, currency)}."
