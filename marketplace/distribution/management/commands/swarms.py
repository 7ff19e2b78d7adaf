"""`manage.py swarms rotate EMAIL PACKAGE`: when a buyer's announce address has got about."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.accounts import queries as accounts
from marketplace.distribution.services import revoke_tokens

__all__ = ["Command"]


class Command(BaseCommand):
    help = "End a buyer's announce addresses for a package; their seeders fetch new ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        rotate = actions.add_parser("rotate", help="end the addresses of a buyer for a package")
        rotate.add_argument("email")
        rotate.add_argument("package", help="the id of the package, 64 hexadecimal digits")

    def handle(self, *args: Any, **options: Any) -> None:
        user = accounts.person_at(options["email"])
        if user is None:
            raise CommandError(f"Nobody has an account under {options['email']}.")
        package = options["package"]
        ended = revoke_tokens(user=user, package_id=package, now=timezone.now())
        if not ended:
            raise CommandError(
                f"{options['email']} has no announce address for {package[:12]}. Look at the id;"
                " a closed swarm has none at all."
            )
        self.stdout.write(
            f"{ended} addresses have ended; the tracker refuses them within half a minute."
            " The buyer's seeders get new ones with the torrent, others' clients by its download."
        )
