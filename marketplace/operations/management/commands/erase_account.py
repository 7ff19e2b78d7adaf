"""`manage.py erase_account EMAIL`: what a person may ask the operator for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from marketplace.accounts import queries as accounts
from marketplace.core.errors import MarketplaceError
from marketplace.operations.erasing import erase


class Command(BaseCommand):
    help = "Erase name, addresses and devices of an account; what it sold stays with its buyers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--yes", action="store_true", help="it cannot be undone: do it")

    def handle(self, *args: Any, **options: Any) -> None:
        user = accounts.person_at(options["email"])
        if user is None:
            raise CommandError(f"Nobody has an account under {options['email']}.")
        if not options["yes"]:
            raise CommandError(
                f"This erases the account {options['email']} for good. Their listings go off sale,"
                " their devices are logged out, and their own library is lost to them. To go on,"
                " add --yes."
            )
        try:
            closed = erase(user=user, now=timezone.now())
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        self.stdout.write(
            f"The account is erased. {closed} listings went off sale; who bought them keeps them."
        )
