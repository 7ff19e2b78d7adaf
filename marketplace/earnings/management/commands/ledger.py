"""`manage.py ledger verify|balances`: are the books whole, and what do they say."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.core.money import Money
from marketplace.earnings.reconciling import compare
from marketplace.ledger import queries as ledger
from marketplace.ledger.services import faults
from marketplace.ledger.types import meaning_of
from marketplace.rewards import services as rewards

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Check the ledger, by itself and against Stripe, or show what stands on its accounts."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        verify = verbs.add_parser("verify", help="check every entry, and each movement at Stripe")
        verify.add_argument(
            "--grace",
            type=int,
            default=600,
            metavar="SECONDS",
            help="what Stripe booked this lately may still be on its way here (default: 600)",
        )
        verify.add_argument(
            "--offline", action="store_true", help="check the books alone, without Stripe"
        )
        verbs.add_parser("balances", help="what the accounts of each kind hold, by currency")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["verb"] == "balances":
            self._balances()
        else:
            self._verify(offline=options["offline"], grace=dt.timedelta(seconds=options["grace"]))

    def _balances(self) -> None:
        totals = ledger.totals()
        if not totals:
            self.stdout.write("The ledger is empty.")
        for row in totals:
            self.stdout.write(
                f"{row.kind:<20} {row.total!s:>18} {row.total.currency}"
                f"  {row.accounts:>6}  {meaning_of(row.kind)}"
            )

    def _verify(self, *, offline: bool, grace: dt.timedelta) -> None:
        found = [*faults(), *rewards.faults()]
        said = [f"{ledger.entry_count()} entries sum to zero"] if not found else []
        if not offline:
            try:
                result = compare(now=timezone.now(), grace=grace)
            except MarketplaceError as error:
                raise CommandError(f"Stripe could not be read: {error}") from error
            found += result.differences
            said.append(
                f"{result.transactions} transactions and {result.accounts} sellers' accounts at"
                " Stripe were compared"
            )
            if result.fresh:
                said.append(f"{result.fresh} of them are too young to be missed")
        for fault in found:
            self.stderr.write(fault)
        if found:
            raise CommandError(
                f"{len(found)} differences. Run manage.py stripe reconcile, then this again;"
                " what is left takes a person."
            )
        self.stdout.write(f"The ledger is whole: {'; '.join(said)}.")
        for row in _sums():
            self.stdout.write(row)


def _sums() -> list[str]:
    """The sums of debits less credits of all accounts: zero in each currency."""
    sums: dict[str, int] = {}
    for row in ledger.totals():
        sums[row.total.currency] = sums.get(row.total.currency, 0) + row.raw_minor
    return [f"Sum of all accounts in {code}: {Money(minor, code)}" for code, minor in sums.items()]
