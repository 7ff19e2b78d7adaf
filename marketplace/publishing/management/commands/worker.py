"""`manage.py worker`: takes jobs one after the other, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from marketplace.publishing.worker import JobWorker


class Command(BaseCommand):
    help = "Run the job worker: it seals what sellers publish."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--batch", action="store_true", help="end when the queue is empty")

    def handle(self, *args: Any, **options: Any) -> None:
        worker = JobWorker(batch=options["batch"])
        before = [
            (number, signal.getsignal(number))
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGQUIT)
        ]
        worker.configure_signals()
        try:
            worker.run()
        finally:
            for number, handler in before:
                signal.signal(number, handler)
