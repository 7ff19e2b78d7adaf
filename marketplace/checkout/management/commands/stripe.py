from __future__ import annotations

import datetime as dt
import time
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from marketplace.checkout import services
from marketplace.checkout.types import Reconciled

__all__ = ["Command"]

OVERLAP = dt.timedelta(minutes=10)  # clocks differ, and an event is listed a moment later


class Command(BaseCommand):
    help = "Settle payments and refunds whose events from Stripe were lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["reconcile"], help="settle what was lost")
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="go on for ever, with this pause"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if options["every"] is not None:
            self._go_on(options["every"])
        done = services.reconcile(now=timezone.now())
        self._tell(done)
        if done.failures:
            raise CommandError("Some could not be settled; the log says why. Run it again later.")

    def _go_on(self, pause: float) -> NoReturn:
        since: dt.datetime | None = None
        while True:
            begun = timezone.now()
            try:
                done = services.reconcile(now=begun, since=since)
            except DatabaseError as error:
                self.stderr.write(f"The database cannot be used: {error} Trying again.")
            else:
                if not done.failures:
                    since = begun - OVERLAP
                if done.bills or done.events:
                    self._tell(done)
            close_old_connections()
            time.sleep(pause)

    def _tell(self, done: Reconciled) -> None:
        self.stdout.write(
            f"{done.bills} payments and {done.events} events looked at,"
            f" {done.failures} could not be settled"
        )
