"""`manage.py rewards settle`: pay for deliveries. The sweep (`stripe reconcile`) does it, too."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout import services as checkout
from marketplace.core.money import Money
from marketplace.rewards import services as rewards

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Close the delivery pools that are due, and give what was earned by delivering."

    def add_arguments(self, parser: CommandParser) -> None:
        verbs = parser.add_subparsers(dest="verb", required=True)
        settle = verbs.add_parser("settle", help="close what is due, give what has waited")
        settle.add_argument(
            "--as-if",
            type=dt.date.fromisoformat,
            metavar="YYYY-MM-DD",
            help="sandbox only: reckon days as of that day",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        as_of = None
        if options["as_if"] is not None:
            if not settings.SANDBOX:
                raise CommandError("--as-if is for the sandbox: there no real money moves.")
            as_of = dt.datetime.combine(options["as_if"], dt.time(), dt.UTC)
        now = timezone.now()
        done = rewards.settle(now=now, as_of=as_of)
        # What nobody delivered is the sellers' again, and on its way to them.
        failures = done.failures + checkout.resume_transfers(since=now)
        self.stdout.write(f"{done.closed} delivery pools were closed.")
        for currency, minor in done.given.items():
            self.stdout.write(f"{Money(minor, currency)} became the credit of those who delivered.")
        if failures:
            raise CommandError("Some could not be settled; the log says why. Run it again later.")
