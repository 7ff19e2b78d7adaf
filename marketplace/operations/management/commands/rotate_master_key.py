"""`manage.py rotate_master_key`: another master key, while the shop goes on."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from marketplace.core.errors import MarketplaceError
from marketplace.packaging import services as packaging


class Command(BaseCommand):
    help = "Wrap every key under a new master key; with --finish, drop the old one."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--finish", action="store_true", help="drop the old key")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            if options["finish"]:
                packaging.finish_rotation(say=self.stdout.write)
                return
            packaging.rotate_master_key(say=self.stdout.write)
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            "Every row is under the new key. Run `manage.py backup FOLDER`, and then"
            " `manage.py rotate_master_key --finish` to drop the old key."
        )
