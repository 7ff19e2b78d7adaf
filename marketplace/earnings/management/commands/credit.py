from __future__ import annotations

import uuid
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.accounts import queries as accounts
from marketplace.core.errors import MarketplaceError
from marketplace.core.money import parse_money
from marketplace.ledger import queries as books
from marketplace.ledger import services as ledger
from marketplace.ledger.types import chart

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Give shop credit as goodwill: it pays for purchases and is never paid out."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        grant = actions.add_parser("grant", help="give credit to a person")
        grant.add_argument("email")
        grant.add_argument("amount", help="1500, or 12.50")
        grant.add_argument("currency", help="KRW, USD, …")
        grant.add_argument("--reason", required=True, help="the person reads it")
        grant.add_argument(
            "--key", type=uuid.UUID, help="a UUID: given again, nothing is given twice"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        person = accounts.person_at(options["email"])
        if person is None:
            raise CommandError(f"Nobody has an account at {options['email']}.")
        try:
            amount = parse_money(options["amount"], options["currency"].upper())
            ledger.grant_credit(
                user_id=person.pk,
                amount=amount,
                source=f"credit-grant:{options['key'] or uuid.uuid4()}",
                at=timezone.now(),
                reason=options["reason"],
            )
        except MarketplaceError as error:
            raise CommandError(str(error)) from None
        there = books.balance(chart.credit(person.pk, amount.currency))
        self.stdout.write(f"{person.email} got {amount} and has {there} of credit now.")
