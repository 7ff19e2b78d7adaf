"""Paying sellers, from the command line: by a timer each day, and by hand for bank batches."""

from __future__ import annotations

import datetime as dt
import sys
import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout import services as checkout
from marketplace.core.errors import MarketplaceError
from marketplace.core.money import Money
from marketplace.payments import queries as payments
from marketplace.payments.types import Payout

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Pay sellers what they have earned."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        run = verbs.add_parser("run", help="pay what is due: by Stripe, or into a bank batch")
        run.add_argument(
            "--as-if",
            type=dt.date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="sandbox only: reckon delays and reserves as of that day",
        )
        export = verbs.add_parser("export", help="a bank batch as CSV")
        export.add_argument("batch", type=int)
        export.add_argument("--out", type=Path, help="file to write; otherwise it is printed")
        paid = verbs.add_parser("mark-paid", help="the bank has sent a batch: book it, once")
        paid.add_argument("batch", type=int)
        returned = verbs.add_parser("return", help="a bank did not take a payout of a batch")
        returned.add_argument("payout", type=uuid.UUID)
        returned.add_argument("--reason", required=True)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            getattr(self, "_" + options["verb"].replace("-", "_"))(options)
        except MarketplaceError as error:
            raise CommandError(str(error)) from error

    def _run(self, options: dict[str, Any]) -> None:
        as_if = None
        if options["as_if"] is not None:
            if not settings.SANDBOX:
                raise CommandError("--as-if is for the sandbox: there no real money moves.")
            as_if = dt.datetime.combine(options["as_if"], dt.time(), dt.UTC)
        run = checkout.run_payouts(now=timezone.now(), as_if=as_if)
        for payout in run.sent:
            why = f": {payout.failure}" if payout.failure else ""
            self.stdout.write(f"{_line(payout)} by Stripe, {payout.state}{why}")
        for payout in run.batched:
            self.stdout.write(f"{_line(payout)} in bank batch {payout.batch_id}")
        for batch in run.batches.values():
            self.stdout.write(
                f"Bank batch {batch.pk} is ready: manage.py payouts export {batch.pk}"
            )
        for amount in run.without_account:
            self.stdout.write(f"{amount} waits: its seller has not said where to be paid.")
        if not (run.sent or run.batched):
            self.stdout.write("Nothing is due.")
        if run.failures:
            raise CommandError("Some sellers were not paid; the log says why. Run it again later.")

    def _export(self, options: dict[str, Any]) -> None:
        text = payments.batch_csv(payments.payout_batch(options["batch"]))
        if options["out"] is None:
            sys.stdout.write(text)
            return
        # Account numbers are for the operator's eyes alone.
        options["out"].touch(mode=0o600)
        options["out"].chmod(0o600)
        options["out"].write_text(text, encoding="utf-8-sig", newline="")
        self.stdout.write(f"Written to {options['out']}. After the transfer: payouts mark-paid.")

    def _mark_paid(self, options: dict[str, Any]) -> None:
        paid = checkout.mark_batch_paid(options["batch"], now=timezone.now())
        self.stdout.write(f"Batch {options['batch']}: {len(paid)} payouts are booked as paid.")

    def _return(self, options: dict[str, Any]) -> None:
        payout = checkout.return_payout(
            options["payout"], why=options["reason"], now=timezone.now()
        )
        self.stdout.write(f"{_line(payout)} is back in the seller's balance.")


def _line(payout: Payout) -> str:
    return f"{payout.pk}  {Money(payout.amount_minor, payout.currency)}"
