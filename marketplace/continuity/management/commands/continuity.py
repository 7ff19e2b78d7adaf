"""`manage.py continuity prepare|status|activate`: the end of the shop, prepared and carried out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from marketplace.continuity import queries, services
from marketplace.core.errors import MarketplaceError

__all__ = ["Command"]


class Command(BaseCommand):
    help = "Prepare the end of the shop with trustees, say how far it is, or carry it out."

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        prepare = actions.add_parser("prepare", help="write a share for each trustee")
        prepare.add_argument("--trustees", type=int, required=True, help="how many there are")
        prepare.add_argument("--threshold", type=int, required=True, help="how many suffice")
        prepare.add_argument("--out", type=Path, required=True, help="a new or empty folder")
        actions.add_parser("status", help="say how far it is prepared")
        activate = actions.add_parser("activate", help="write the file that ends the shop")
        activate.add_argument("--out", type=Path, required=True, help="a new file")

    def handle(self, *args: Any, **options: Any) -> None:
        act = {"prepare": self._prepare, "status": self._status, "activate": self._activate}
        try:
            act[options["action"]](options)
        except MarketplaceError as error:
            raise CommandError(str(error)) from error
        except EOFError:
            raise CommandError("Nothing was written: nobody is here to type the name.") from None

    def _prepare(self, options: dict[str, Any]) -> None:
        paths = services.prepare_shares(
            threshold=options["threshold"],
            total=options["trustees"],
            folder=options["out"],
            now=timezone.now(),
        )
        for path in paths:
            self.stdout.write(str(path))
        self.stdout.write(
            f"Give each trustee one file, by a way of its own, and delete the folder then. "
            f"{options['threshold']} of them together can end the service of this shop; "
            "fewer can do nothing."
        )

    def _status(self, options: dict[str, Any]) -> None:
        ready = queries.readiness(now=timezone.now())
        trustees = (
            f"{ready.trustees}, {ready.trustees_at:%Y-%m-%d}" if ready.trustees_at else "none"
        )
        self.stdout.write(f"Commitment:        {ready.commitment}")
        self.stdout.write(f"Trustees:          {trustees}")
        self.stdout.write(f"Recovery keys:     {ready.recovery_keys}")
        self.stdout.write(f"Unlock documents:  {ready.documents}")
        ended = f"{ready.activated_at:%Y-%m-%d %H:%M} UTC" if ready.activated_at else "no"
        self.stdout.write(f"Activated:         {ended}")

    def _activate(self, options: dict[str, Any]) -> None:
        path: Path = options["out"]
        if path.exists():
            raise CommandError(f"{path} is there already. Name a new file.")
        self.stdout.write(
            "Whoever gets this file opens what they bought here for good, without the shop, and "
            "shares it openly. It cannot be taken back."
        )
        typed = input(f"Type the shop's name ({settings.SITE_NAME}) to go on: ")
        if typed.strip() != settings.SITE_NAME:
            raise CommandError("That is another name. Nothing was written.")
        services.activate(path=path, now=timezone.now())
        self.stdout.write(f"Written: {path}. Publish it where every buyer finds it.")
