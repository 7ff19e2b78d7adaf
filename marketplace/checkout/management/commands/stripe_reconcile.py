from __future__ import annotations

import time
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.checkout import services

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Settle payments and refunds whose events from Stripe were lost."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--every", type=float, metavar="SECONDS", help="go on for ever, with this pause"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        while True:
            done = services.reconcile(now=timezone.now())
            self.stdout.write(
                f"{done.orders} orders and {done.events} events looked at,"
                f" {done.failures} could not be settled"
            )
            if options["every"] is None:
                break
            time.sleep(options["every"])
        if done.failures:
            raise CommandError("Some could not be settled; the log says why. Run it again later.")
