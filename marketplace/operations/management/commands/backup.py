"""`manage.py backup FOLDER`: database, covers, store list and master key, opened again to be sure."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.operations.backup import make_backup, record_verified, verify_backup
from marketplace.operations.passphrase import ask_passphrase


class Command(BaseCommand):
    help = "Write a backup into a new folder, and open it again to be sure."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--with-store", action="store_true", help="copy the sealed files too")
        parser.add_argument("--verify", action="store_true", help="only check an existing backup")

    def handle(self, *args: Any, **options: Any) -> None:
        folder = options["folder"].resolve()
        passphrase = ask_passphrase(twice=not options["verify"])
        now = timezone.now()
        try:
            if not options["verify"]:
                make_backup(
                    folder,
                    passphrase=passphrase,
                    now=now,
                    with_store=options["with_store"],
                    say=self.stdout.write,
                )
            about = verify_backup(folder, passphrase=passphrase)
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        record_verified(about, now=now)
        self.stdout.write(
            f"{folder} is complete, and its passphrase opens it. Keep both, apart from each other."
        )
