"""`manage.py restore FOLDER`: bring a backup back into an empty data folder."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.operations.backup import restore_backup
from marketplace.operations.passphrase import ask_passphrase


class Command(BaseCommand):
    help = "Restore a backup into the empty folder that GEOBUK_DATA names."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            missing = restore_backup(
                options["folder"].resolve(),
                passphrase=ask_passphrase(twice=False),
                now=timezone.now(),
                say=self.stdout.write,
            )
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        self.stdout.write("The shop is restored.")
        if missing:
            self.stdout.write(
                f"{len(missing)} sealed files are not in the store yet. Copy them there, or start the"
                " shop: the origin fetches them back from the buyers' seeders."
            )
            for name in missing[:20]:
                self.stdout.write(f"  {name}")
