"""`manage.py audit verify|sign|proof LICENCE`: the log of every licence given and taken back."""

from __future__ import annotations

import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.core.errors import MarketplaceError
from marketplace.licensing import auditing
from marketplace.licensing.audit_models import AuditEntry
from marketplace.licensing.models import Licence

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Check the audit log, sign its head, or write the proof of a licence."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["verify", "sign", "proof"])
        parser.add_argument("licence", nargs="?", help="the id of a licence, for proof")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["action"] == "verify":
            self._verify()
        elif options["action"] == "sign":
            try:
                head = auditing.sign_log(now=timezone.now())
            except MarketplaceError as error:
                raise CommandError(str(error)) from error
            self.stdout.write("The log is empty." if head is None else head.jws)
        else:
            self._prove(options["licence"])

    def _verify(self) -> None:
        found = list(auditing.faults())
        for fault in found:
            self.stderr.write(fault)
        if found:
            raise CommandError(f"The audit log has {len(found)} faults. Compare it with a backup.")
        self.stdout.write(f"The audit log is whole: {AuditEntry.objects.count()} entries.")

    def _prove(self, licence_id: str | None) -> None:
        try:
            licence = Licence.objects.get(pk=licence_id or "")
            proof = auditing.proof_of(licence)
        except (Licence.DoesNotExist, ValidationError):
            raise CommandError("There is no such licence. Give its id.") from None
        except MarketplaceError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(json.dumps(proof.to_json(), ensure_ascii=False))
